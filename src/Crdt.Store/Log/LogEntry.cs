namespace Crdt.Store.Log;

/// <summary>One record of the log: as a rule one batch, as its author encoded it.</summary>
/// <param name="Kind">What the payload is; the log does not care.</param>
/// <param name="Author">Author of the batch, 16 bytes in network order.</param>
/// <param name="First">First sequence in the payload.</param>
/// <param name="Last">Last sequence in the payload, inclusive.</param>
/// <param name="Payload">The bytes. What an append is given must not change before it completes; what a read
/// returns may be kept.</param>
internal readonly record struct LogEntry(byte Kind, Guid Author, long First, long Last, ReadOnlyMemory<byte> Payload);
