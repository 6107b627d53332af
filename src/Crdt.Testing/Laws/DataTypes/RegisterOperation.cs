namespace Crdt.Testing;

/// <summary>A write or a removal, as the meaning of a data type judges it.</summary>
/// <param name="Dot">Its mutation.</param>
/// <param name="Timestamp">When, by its author's hybrid clock.</param>
/// <param name="Argument">What was written; <see langword="null"/> for a removal.</param>
/// <param name="Seen">The operations that its author had seen.</param>
public sealed record RegisterOperation(Dot Dot, HybridTimestamp Timestamp, Value? Argument, IReadOnlySet<Dot> Seen);
