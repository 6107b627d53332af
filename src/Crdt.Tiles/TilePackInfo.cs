namespace Crdt.Tiles;

/// <summary>What a pack says of itself.</summary>
public sealed record TilePackInfo
{
    /// <summary>What its tiles are.</summary>
    public TileType Type { get; init; }

    /// <summary>How its tiles are compressed.</summary>
    public TileCompression Compression { get; init; } = TileCompression.None;

    /// <summary>The first level that it has tiles of.</summary>
    public int ZoomMin { get; init; }

    /// <summary>The last one.</summary>
    public int ZoomMax { get; init; }

    /// <summary>What it covers.</summary>
    public TileBounds Bounds { get; init; } = TileBounds.World;

    /// <summary>Where to begin to look: longitude and latitude, in degrees.</summary>
    public (double Longitude, double Latitude) Center { get; init; }

    /// <summary>At which level to begin.</summary>
    public int CenterZoom { get; init; }

    /// <summary>Media type of a tile, for HTTP.</summary>
    public string MediaType => Type switch
    {
        TileType.Mvt => "application/vnd.mapbox-vector-tile",
        TileType.Png => "image/png",
        TileType.Jpeg => "image/jpeg",
        TileType.WebP => "image/webp",
        TileType.Avif => "image/avif",
        _ => "application/octet-stream",
    };
}
