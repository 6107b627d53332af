namespace Crdt;

/// <summary>One entry of a replica's log, which is in the order in which the replica applied.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Author">Whose batch or head it is, or who made the snapshot; the replica itself for a note.</param>
/// <param name="FirstSequence">First sequence of a batch; for a head the sequence it vouches for; for a chunk its place from
/// 1 on; for a snapshot the position from which its chunks are found; 0 for a note.</param>
/// <param name="LastSequence">Last sequence of a batch; for a head the same as the first; for a snapshot and its chunks a
/// number that tells it from others; 0 for a note.</param>
/// <param name="Payload">The batch, chunk or manifest as stored bytes; for a head the hash and signature. Not to be changed
/// by anybody.</param>
public readonly record struct LogEntry(
    LogEntryKind Kind, ReplicaId Author, long FirstSequence, long LastSequence, ReadOnlyMemory<byte> Payload)
{
    /// <summary>What a replica holds by this entry, of each author the highest sequence: of a batch its last, of a snapshot
    /// its vector; nothing of all else.</summary>
    /// <exception cref="BatchFormatException">The entry says it is a snapshot, and is none.</exception>
    public IEnumerable<Dot> Reaches() => Kind switch
    {
        LogEntryKind.Batch => [new Dot(Author, LastSequence)],
        LogEntryKind.Snapshot => SnapshotManifest.Decode(Payload).Vector,
        _ => [],
    };
}
