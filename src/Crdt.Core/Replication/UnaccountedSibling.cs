namespace Crdt;

/// <summary>Something that was written and is neither held nor replaced by somebody who had seen it; or is held and
/// was never written. There must be none.</summary>
/// <param name="Key">The entity.</param>
/// <param name="Path">The register.</param>
/// <param name="Dot">The mutation that wrote it, or is said to have.</param>
/// <param name="IsHeld">Whether it is held without having been written; otherwise it was written and is gone.</param>
public sealed record UnaccountedSibling(EntityKey Key, FieldPath Path, Dot Dot, bool IsHeld);
