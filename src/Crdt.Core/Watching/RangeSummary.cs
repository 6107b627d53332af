namespace Crdt;

/// <summary>The sum of the digests of some entities.</summary>
internal readonly record struct RangeSum(UInt128 Digest, long Count);

/// <summary>The digest of one entity.</summary>
internal readonly record struct EntityDigest(EntityKey Key, UInt128 Digest);

/// <summary>What one side holds of a range: the sums of its sixteen parts, or, where only few are left, the
/// entities.</summary>
/// <param name="Range">Which.</param>
/// <param name="Parts">Of each part, in order; <see langword="null"/> where entities are told.</param>
/// <param name="Entities">By hash, then by key, at most <see cref="EntitiesMax"/>: the first ones where more share one
/// hash. <see langword="null"/> where sums are told.</param>
internal sealed record RangeSummary(KeyRange Range, RangeSum[]? Parts, EntityDigest[]? Entities)
{
    /// <summary>A range with at most so many entities on both sides is told by entity.</summary>
    public const int EntitiesMax = 16;
}
