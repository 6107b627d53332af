namespace Crdt;

/// <summary>What happened to one register.</summary>
/// <param name="Path">The register; the root for the entity's existence.</param>
/// <param name="Written">The value that was written: for a counter its author's new total, for the root whether it was
/// created or deleted; <see langword="null"/> when the register was only emptied, or marked.</param>
/// <param name="Replaced">What it took away: who had written it, when, and what.</param>
/// <param name="Marks">What a server said of values there; <see langword="null"/> for all else.</param>
public sealed record HistoryChange(
    FieldPath Path, Sibling? Written, IReadOnlyList<Sibling> Replaced, MarkKind? Marks);
