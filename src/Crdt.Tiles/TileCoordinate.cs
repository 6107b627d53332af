using Crdt.Tiles.PmTiles;

namespace Crdt.Tiles;

/// <summary>Place of a tile in the pyramid of the Web Mercator projection, rows counted from the north.</summary>
/// <param name="Zoom">Level: 0 shows the world in one tile, each next one in four times as many.</param>
/// <param name="X">Column, from the west.</param>
/// <param name="Y">Row, from the north.</param>
/// <remarks><c>default</c> is the one tile of level 0. Ordered as PMTiles are: level by level, and along a Hilbert curve in
/// each, so that neighbours mostly lie together.</remarks>
public readonly record struct TileCoordinate(int Zoom, int X, int Y) : IComparable<TileCoordinate>
{
    /// <summary>The last level: columns stay within 32 bits.</summary>
    public const int ZoomMax = 30;

    /// <summary>Whether there is such a tile.</summary>
    public bool IsValid => Zoom is >= 0 and <= ZoomMax && X >= 0 && Y >= 0 && X < 1 << Zoom && Y < 1 << Zoom;

    /// <inheritdoc/>
    public int CompareTo(TileCoordinate other) => HilbertTileId.Of(this).CompareTo(HilbertTileId.Of(other));

    /// <summary>Whether one comes before another.</summary>
    public static bool operator <(TileCoordinate left, TileCoordinate right) => left.CompareTo(right) < 0;

    /// <summary>Whether one comes after another.</summary>
    public static bool operator >(TileCoordinate left, TileCoordinate right) => left.CompareTo(right) > 0;

    /// <summary>Whether one does not come after another.</summary>
    public static bool operator <=(TileCoordinate left, TileCoordinate right) => left.CompareTo(right) <= 0;

    /// <summary>Whether one does not come before another.</summary>
    public static bool operator >=(TileCoordinate left, TileCoordinate right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Zoom}/{X}/{Y}");
}
