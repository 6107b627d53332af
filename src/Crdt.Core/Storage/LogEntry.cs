namespace Crdt;

/// <summary>One entry of a replica's log, which is in the order in which the replica applied.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Author">Whose batch or head it is; the replica itself for a note.</param>
/// <param name="FirstSequence">First sequence of a batch; for a head the sequence it vouches for; 0 for a note.</param>
/// <param name="LastSequence">Last sequence of a batch; for a head the same as the first; 0 for a note.</param>
/// <param name="Payload">The batch as stored bytes; for a head the hash and signature. Not to be changed by anybody.</param>
public readonly record struct LogEntry(
    LogEntryKind Kind, ReplicaId Author, long FirstSequence, long LastSequence, ReadOnlyMemory<byte> Payload);
