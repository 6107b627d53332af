namespace Crdt.Testing;

/// <summary>What became of one law of a suite.</summary>
/// <param name="Law">Its name, as a sentence.</param>
/// <param name="Violation">How it does not hold; <see langword="null"/> where it does.</param>
public sealed record LawResult(string Law, LawException? Violation);
