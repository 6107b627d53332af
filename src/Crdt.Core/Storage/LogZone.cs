namespace Crdt;

/// <summary>A stretch of the log and what it is about, so that a search passes over it without reading it. Kept by the store
/// with its projection; understood by the replica alone.</summary>
/// <param name="From">Where its first entry begins.</param>
/// <param name="To">Where its last entry ends, and the next zone begins.</param>
/// <param name="Content">What it is about. Not to be changed by anybody.</param>
public sealed record LogZone(LogPosition From, LogPosition To, ReadOnlyMemory<byte> Content);
