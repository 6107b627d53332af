namespace Crdt.Testing.Simulation;

/// <summary>A server that refuses some transactions for no good reason, and not those that the others refuse: what one
/// decides, all have to live with.</summary>
/// <param name="salt">What makes it differ from other servers.</param>
/// <param name="oneIn">About one in so many is refused.</param>
/// <param name="figures">Counts them.</param>
internal sealed class SimulatedAdmission(ulong salt, int oneIn, SimulationFigures figures) : IAdmission
{
    public Refusal? Judge(IncomingTransaction transaction)
    {
        Dot first = transaction.Mutations[0].Dot;
        Span<byte> id = stackalloc byte[ReplicaId.LengthBytes];
        first.Replica.WriteBytes(id);
        ulong drawn = SimulationRandom.Scramble(
            System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(id) ^ ((ulong)first.Sequence * 0x9E3779B97F4A7C15));
        // Every fourth of them is refused by all the servers that refuse at all: they agree now and then, too.
        bool isCommon = drawn % 4 == 0;
        drawn = SimulationRandom.Scramble(drawn ^ (isCommon ? 0 : salt));
        bool isRefused = drawn % (ulong)oneIn == 0 || (transaction.BuildsOnRefused && (drawn >> 32) % 2 == 0);
        if (isRefused) figures.Refusals++;
        return isRefused ? new Refusal(RefusalCode.Other, "drawn") : null;
    }
}
