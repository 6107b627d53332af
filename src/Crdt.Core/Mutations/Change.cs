namespace Crdt;

/// <summary>What a mutation did to one register.</summary>
/// <param name="Path">The register.</param>
/// <param name="Value">What was written, a counter's new running total; <see langword="null"/> for a removal.</param>
/// <param name="Observed">The siblings that its author saw there and replaced. A counter's author replaces its own
/// earlier sibling without naming it.</param>
/// <param name="Claim">The claim it inherited under first-write-wins; <see langword="null"/> when its own time is one.</param>
public sealed record Change(FieldPath Path, Value? Value, IReadOnlyList<Dot> Observed, HybridTimestamp? Claim);
