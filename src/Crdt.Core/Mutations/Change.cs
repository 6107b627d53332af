namespace Crdt;

/// <summary>What a mutation did to one register.</summary>
/// <param name="Path">The register.</param>
/// <param name="Value">What was written, a counter's new running total; <see langword="null"/> for a removal.</param>
/// <param name="Observed">The siblings that its author saw there and replaced. A counter's author replaces its own
/// earlier sibling without naming it.</param>
/// <param name="Claim">The claim it inherited under first-write-wins; <see langword="null"/> when its own time is one.</param>
public sealed record Change(FieldPath Path, Value? Value, IReadOnlyList<Dot> Observed, HybridTimestamp? Claim)
{
    /// <summary>What a <see cref="MutationKind.Mark"/> says of the siblings in <see cref="Observed"/>, which it does not
    /// replace; <see langword="null"/> in all other mutations.</summary>
    public MarkKind? Marks => Mark?.Kind;

    internal MarkContent? Mark { get; init; }

    internal IReadOnlyList<Dot>? Remembered { get; init; }

    /// <summary>Of a counter the sequence at which its total began, when that was an earlier mutation; else 0.</summary>
    internal long CounterStart { get; init; }
}
