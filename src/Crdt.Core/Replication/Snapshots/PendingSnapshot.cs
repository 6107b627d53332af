namespace Crdt;

/// <summary>A snapshot of which some first chunks are in the log, and not its manifest: a transfer may go on from here.</summary>
/// <param name="Number">The manifest's number.</param>
/// <param name="ChunksFrom">From where on in the log its chunks are found.</param>
/// <param name="Count">How many are there.</param>
internal sealed record PendingSnapshot(long Number, LogPosition ChunksFrom, int Count);
