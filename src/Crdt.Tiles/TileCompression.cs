namespace Crdt.Tiles;

/// <summary>How bytes in a pack are compressed; the numbers are those of PMTiles.</summary>
public enum TileCompression
{
    /// <summary>The pack does not say.</summary>
    Unknown = 0,

    /// <summary>Not at all.</summary>
    None = 1,

    /// <summary>gzip.</summary>
    Gzip = 2,

    /// <summary>Brotli.</summary>
    Brotli = 3,

    /// <summary>Zstandard: handed on as it is, never unpacked here.</summary>
    Zstd = 4,
}
