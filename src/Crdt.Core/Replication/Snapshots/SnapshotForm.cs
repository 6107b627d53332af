using MessagePack;

namespace Crdt;

/// <summary>Dots as the chunks of a snapshot tell them: the author by its place in the manifest's heads, the sequence and
/// the time as differences. Belongs to one chunk; a further sibling of the same mutation says so by nil.</summary>
/// <param name="heads">The manifest's heads.</param>
/// <param name="ranks">Of each of the replica's own indexes the place in the heads; for writing.</param>
/// <param name="authors">Of each place in the heads the replica's own index; for reading.</param>
internal sealed class SnapshotForm(IReadOnlyList<SnapshotHead> heads, int[] ranks, int[] authors) : ISiblingForm
{
    private const int RoleBits = 2, RoleMask = 3;

    private readonly Dictionary<int, long> lastSequences = [];
    private LocalDot lastDot;
    private HybridTimestamp lastTimestamp;

    /// <summary>The latest timestamp read.</summary>
    public HybridTimestamp Latest { get; private set; }

    public void WriteOrigin(ref MessagePackWriter writer, LocalDot dot, HybridTimestamp timestamp)
    {
        // A sibling that was added again has another time than its mutation.
        if (dot == lastDot && timestamp == lastTimestamp)
        {
            writer.WriteNil();
            return;
        }
        int rank = ranks[dot.Author];
        writer.Write((rank << RoleBits) | (int)dot.Role);
        writer.Write(dot.Sequence - lastSequences.GetValueOrDefault(rank));
        writer.Write(timestamp.UnixMs - lastTimestamp.UnixMs);
        writer.Write(timestamp.Counter);
        lastSequences[rank] = dot.Sequence;
        (lastDot, lastTimestamp) = (dot, timestamp);
    }

    public void WriteDot(ref MessagePackWriter writer, LocalDot dot)
    {
        writer.Write((ranks[dot.Author] << RoleBits) | (int)dot.Role);
        writer.Write(dot.Sequence);
    }

    public void ReadOrigin(ref CanonicalReader reader, out LocalDot dot, out HybridTimestamp timestamp)
    {
        (dot, timestamp) = (lastDot, lastTimestamp);
        if (reader.NextType == MessagePackType.Nil)
        {
            reader.ReadNil();
            if (lastDot == default) throw reader.Fail(BatchError.OutOfRange, "The first sibling has no mutation");
            return;
        }
        int rank = ReadAuthor(ref reader, out ReplicaRole role);
        dot = DotOf(ref reader, rank, unchecked(lastSequences.GetValueOrDefault(rank) + reader.ReadInt64()), role);
        long unixMs = unchecked(lastTimestamp.UnixMs + reader.ReadInt64());
        int counter = reader.ReadInt32(ushort.MaxValue, "The counter of a timestamp");
        if (unixMs is < 0 or > HybridTimestamp.MillisecondsMax || (unixMs == 0 && counter == 0))
            throw reader.Fail(BatchError.OutOfRange, "A timestamp is beyond its 64 bits");
        timestamp = new HybridTimestamp(((ulong)unixMs << HybridTimestamp.CounterBits) | (uint)counter);
        if (dot == lastDot && timestamp == lastTimestamp)
            throw reader.Fail(BatchError.NotCanonical, "A mutation is told twice in a row");
        lastSequences[rank] = dot.Sequence;
        (lastDot, lastTimestamp) = (dot, timestamp);
        if (timestamp > Latest) Latest = timestamp;
    }

    public LocalDot ReadDot(ref CanonicalReader reader)
    {
        int rank = ReadAuthor(ref reader, out ReplicaRole role);
        return DotOf(ref reader, rank, reader.ReadInt64(), role);
    }

    private int ReadAuthor(ref CanonicalReader reader, out ReplicaRole role)
    {
        int code = reader.ReadInt32(((heads.Count - 1) << RoleBits) | RoleMask, "The place of an author");
        role = (ReplicaRole)(code & RoleMask);
        return role <= ReplicaRole.Authority ? code >> RoleBits : throw reader.Fail(BatchError.OutOfRange, "The role is not known");
    }

    private LocalDot DotOf(ref CanonicalReader reader, int rank, long sequence, ReplicaRole role) =>
        sequence >= 1 && sequence <= heads[rank].Sequence
            ? new LocalDot(authors[rank], sequence, role)
            : throw reader.Fail(BatchError.OutOfRange, $"Sequence {sequence} is not within the snapshot's vector");
}
