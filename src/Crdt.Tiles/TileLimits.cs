namespace Crdt.Tiles;

/// <summary>What is read of a pack at once: a pack is foreign bytes, checked before memory is taken for them.</summary>
internal static class TileLimits
{
    /// <summary>Of a tile, as it lies in the pack. Those of usual maps stay below half a megabyte.</summary>
    public const int TileBytesMax = 8 << 20;

    /// <summary>Of a tile or directory, unpacked.</summary>
    public const int UnpackedBytesMax = 32 << 20;

    /// <summary>Of a directory or the metadata, as it lies in the pack.</summary>
    public const int SectionBytesMax = 8 << 20;

    /// <summary>Entries of one directory: packs of the whole world have some ten thousand in each.</summary>
    public const int DirectoryEntriesMax = 1 << 20;

    /// <summary>Directories below each other. Writers make two, the readers of others look at no more than three.</summary>
    public const int DirectoryDepthMax = 4;

    /// <summary>Entries of directories that an open pack keeps: 24 bytes each.</summary>
    public const int CachedEntriesMax = 1 << 18;
}
