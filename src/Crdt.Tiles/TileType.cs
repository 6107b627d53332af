namespace Crdt.Tiles;

/// <summary>What the tiles of a pack are; the numbers are those of PMTiles.</summary>
public enum TileType
{
    /// <summary>Something that the pack does not name.</summary>
    Unknown = 0,

    /// <summary>Vector tiles of Mapbox, version 2.</summary>
    Mvt = 1,

    /// <summary>PNG pictures.</summary>
    Png = 2,

    /// <summary>JPEG pictures.</summary>
    Jpeg = 3,

    /// <summary>WebP pictures.</summary>
    WebP = 4,

    /// <summary>AVIF pictures.</summary>
    Avif = 5,
}
