namespace Crdt;

/// <summary>One thing that a refused mutation did, kept so that it can be edited and sent again.</summary>
/// <param name="Dot">The mutation.</param>
/// <param name="Key">The entity.</param>
/// <param name="Kind">What was meant.</param>
/// <param name="Path">The register; <see cref="FieldPath.Root"/> for creating and deleting.</param>
/// <param name="Value">What was written, of a counter by how much it was counted; <see langword="null"/> for a removal,
/// and for what was too long to be kept beside the log.</param>
public sealed record EscrowedChange(Dot Dot, EntityKey Key, MutationKind Kind, FieldPath Path, Value? Value);
