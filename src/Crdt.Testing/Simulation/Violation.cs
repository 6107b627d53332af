namespace Crdt.Testing.Simulation;

/// <summary>What a <see cref="Simulation"/> found to be wrong.</summary>
/// <param name="Invariant">A short name of what does not hold.</param>
/// <param name="Law">The law of <c>docs/convergence.md</c> that it belongs to, as in <c>CV-4</c>; empty for none.</param>
/// <param name="Message">What, where, expected and found.</param>
/// <param name="Step">How many steps had been taken.</param>
/// <param name="TimeMs">When, in virtual milliseconds since the beginning.</param>
public sealed record Violation(string Invariant, string Law, string Message, long Step, double TimeMs);
