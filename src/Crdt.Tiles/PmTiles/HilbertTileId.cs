namespace Crdt.Tiles.PmTiles;

/// <summary>The number of a tile in PMTiles: those of the levels before, then its place on the Hilbert curve of its own.</summary>
internal static class HilbertTileId
{
    /// <summary>The number behind that of the last tile there is.</summary>
    public static ulong End { get; } = FirstOf(TileCoordinate.ZoomMax + 1);

    /// <summary>The first number of a level: as many tiles as the levels before it have.</summary>
    public static ulong FirstOf(int zoom) => ((1UL << (2 * zoom)) - 1) / 3;

    /// <summary>The number of a tile that there is.</summary>
    public static ulong Of(TileCoordinate tile)
    {
        (uint x, uint y, ulong along) = ((uint)tile.X, (uint)tile.Y, 0);
        for (int level = tile.Zoom - 1; level >= 0; level--)
        {
            uint side = 1u << level, right = (x >> level) & 1, below = (y >> level) & 1;
            along += (ulong)side * side * ((3 * right) ^ below);
            (x, y) = Turned(side, x & (side - 1), y & (side - 1), right, below);
        }
        return FirstOf(tile.Zoom) + along;
    }

    /// <summary>The tile of a number before <see cref="End"/>.</summary>
    public static TileCoordinate ToTile(ulong id)
    {
        int zoom = 0;
        while (FirstOf(zoom + 1) <= id) zoom++;
        ulong along = id - FirstOf(zoom);
        (uint x, uint y) = (0, 0);
        for (int level = 0; level < zoom; level++, along >>= 2)
        {
            uint side = 1u << level, right = (uint)(along >> 1) & 1, below = (uint)(along ^ right) & 1;
            (x, y) = Turned(side, x, y, right, below);
            (x, y) = (x + (side * right), y + (side * below));
        }
        return new TileCoordinate(zoom, (int)x, (int)y);
    }

    // The curve in a quarter is the whole curve, mirrored in the upper two.
    private static (uint X, uint Y) Turned(uint side, uint x, uint y, uint right, uint below)
    {
        if (below == 1) return (x, y);
        return right == 1 ? (side - 1 - y, side - 1 - x) : (y, x);
    }
}
