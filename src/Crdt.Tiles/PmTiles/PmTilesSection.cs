namespace Crdt.Tiles.PmTiles;

/// <summary>A stretch of a pack.</summary>
internal readonly record struct PmTilesSection(long Offset, long Length)
{
    /// <summary>Whether a stretch counted from this section's start lies within it.</summary>
    public bool Contains(ulong offset, ulong length) => length <= (ulong)Length && offset <= (ulong)Length - length;

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Offset}+{Length}");
}
