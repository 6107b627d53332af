namespace Crdt.Tiles;

/// <summary>What was wrong with a pack of tiles, or with what was asked of it.</summary>
public enum TileError
{
    /// <summary>The bytes are no tile pack.</summary>
    NotAPack,

    /// <summary>A pack, in a version or with a compression that this library does not read.</summary>
    Unsupported,

    /// <summary>The pack contradicts itself or ends early.</summary>
    Damaged,

    /// <summary>Some part of it is larger than this library reads.</summary>
    TooLarge,

    /// <summary>The bytes that are needed have not arrived yet; others may have.</summary>
    NotHere,
}
