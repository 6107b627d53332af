namespace Crdt;

/// <summary>Concurrent writes to one place of an entity, none of which saw the others.</summary>
/// <param name="Key">The entity.</param>
/// <param name="Path">The register, or the name that is used as different kinds.</param>
/// <param name="Kind">What disagrees.</param>
/// <param name="Policy">The policy that decides what is read meanwhile.</param>
/// <param name="Siblings">All that was written there, the latest first; at least two.</param>
/// <param name="Visible">What is read now.</param>
/// <param name="IsOpen">Whether a person has to decide: under <see cref="ConflictPolicy.Manual"/>, and for kinds.
/// Otherwise the policy has decided, and this tells what it passed over.</param>
public sealed record Conflict(
    EntityKey Key, FieldPath Path, ConflictKind Kind, ConflictPolicy Policy, IReadOnlyList<Sibling> Siblings,
    Value Visible, bool IsOpen)
{
    /// <summary>All that was held there, refused and passed over as well: what a resolution replaces.</summary>
    internal VersionVector? Held { get; init; }
}
