namespace Crdt.Testing.Simulation;

/// <summary>What a <see cref="SimulatedStore"/> raises when a write does not happen.</summary>
internal sealed class StoreFailure(string message) : IOException(message);
