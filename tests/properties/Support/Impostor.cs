using System.Buffers;

namespace Crdt.Properties;

/// <summary>The other end of a real session: says what a test makes it say, right or wrong.</summary>
internal sealed class Impostor(SyncSession victim)
{
    private readonly SyncMessageCodec outgoing = new();
    private readonly SyncMessageCodec incoming = new();

    public static ReplicaId Id { get; } = Team.IdOf(99);

    /// <summary>First messages and heads, so that runs may follow.</summary>
    public static async Task<Impostor> GreetAsync(SyncSession session)
    {
        var impostor = new Impostor(session);
        await impostor.HearAsync();
        await impostor.SayAsync(Have(Id));
        await impostor.SayAsync(new HeadsMessage(0, []));
        while (await impostor.HearAsync() is not null)
        {
            // What the victim sends is of no interest.
        }
        return impostor;
    }

    public static HaveMessage Have(ReplicaId id) => new(id, ReplicaRole.Client, Team.Start, new byte[HaveMessage.HeadsHashLengthBytes], new byte[HaveMessage.StatementsHashLengthBytes]);

    public ValueTask SayAsync(SyncMessage message)
    {
        var buffer = new ArrayBufferWriter<byte>();
        outgoing.Write(buffer, message);
        return SayAsync(buffer.WrittenMemory);
    }

    public ValueTask SayAsync(ReadOnlyMemory<byte> message) => victim.ReceiveAsync(new ReadOnlySequence<byte>(message), default);

    public async Task<SyncMessage?> HearAsync()
    {
        var buffer = new ArrayBufferWriter<byte>();
        return await victim.WriteNextAsync(buffer, default)
            ? incoming.Read(new ReadOnlySequence<byte>(buffer.WrittenMemory)) : null;
    }
}
