namespace Crdt.Testing.Simulation;

/// <summary>Something that follows from the steps, at its time.</summary>
/// <param name="Kind">What.</param>
/// <param name="Subject">The connection, or <see langword="null"/>.</param>
/// <param name="Side">The side of the connection, 0 or 1; else the number of a replica.</param>
/// <param name="Bytes">What arrives.</param>
internal readonly record struct SimulatedEvent(EventKind Kind, SimulatedConnection? Subject, int Side, byte[]? Bytes);
