namespace Crdt;

/// <summary>A message of a session about one space. Layout: docs/wire-format.md, section WF-4.</summary>
internal abstract record SyncMessage;

/// <summary>The first message of both sides: who speaks, and hashes of what it holds and knows.</summary>
/// <param name="Replica">The sender.</param>
/// <param name="Role">Its role.</param>
/// <param name="Time">Its wall time.</param>
/// <param name="HeadsHash">The beginning of SHA-256 over its heads.</param>
/// <param name="StatementsHash">The beginning of a hash over what it knows that server-role replicas hold.</param>
internal sealed record HaveMessage(
    ReplicaId Replica, ReplicaRole Role, DateTimeOffset Time, ReadOnlyMemory<byte> HeadsHash, ReadOnlyMemory<byte> StatementsHash) : SyncMessage
{
    // Who lies about them keeps nothing from anybody but itself, so they are only as long as chance asks for.
    public const int HeadsHashLengthBytes = 12;
    public const int StatementsHashLengthBytes = 6;
}

/// <summary>The heads, where the hashes differ.</summary>
/// <param name="Digest">Digest of the sender's state at these heads.</param>
/// <param name="Heads">In order of authors; of each hash the first eight bytes.</param>
/// <param name="Parts">Of which parts of the authors these are all the heads, where both sides have summed them up; of all when
/// <see langword="null"/>.</param>
internal sealed record HeadsMessage(UInt128 Digest, IReadOnlyList<ChainHead> Heads, ulong? Parts = null) : SyncMessage
{
    public const int HashPrefixLengthBytes = 8;
}

/// <summary>Heads of many authors, summed up by parts (<see cref="HeadSums"/>).</summary>
internal sealed record SumsMessage(ReadOnlyMemory<byte> Sums) : SyncMessage;

/// <summary>A run.</summary>
internal sealed record RunMessage(BatchRun Run) : SyncMessage;

/// <summary>What became durable at the sender since its last acknowledgement, and how many bytes more it takes.</summary>
internal sealed record AckMessage(DateTimeOffset Time, VersionVector Held, long CreditBytes) : SyncMessage;

/// <summary>What third replicas were heard to hold.</summary>
internal sealed record StatementsMessage(IReadOnlyList<Acknowledgement> Statements) : SyncMessage;

/// <summary>A snapshot that the peer lacks some of, or has asked for: its manifest, as its maker encoded it; empty where it
/// has asked and none is held.</summary>
internal sealed record SnapshotMessage(ReadOnlyMemory<byte> Manifest) : SyncMessage;

/// <summary>The next chunk of the snapshot that was offered last, as stored.</summary>
internal sealed record ChunkMessage(ReadOnlyMemory<byte> Chunk) : SyncMessage;

/// <summary>Asks for the newest snapshot that the receiver holds, also where it brings nothing new.</summary>
internal sealed record AskMessage : SyncMessage;

/// <summary>From which chunk on the sender lacks the snapshot that it was offered; their number, when it lacks none.</summary>
internal sealed record WantedMessage(int Next) : SyncMessage;
