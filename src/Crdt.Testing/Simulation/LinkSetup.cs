namespace Crdt.Testing.Simulation;

/// <summary>Two replicas that can reach each other.</summary>
internal sealed record LinkSetup(int A, int B);
