namespace Crdt.Tiles.PmTiles;

/// <summary>A line of a directory.</summary>
/// <param name="TileId">The first tile that it is about.</param>
/// <param name="Offset">Where its bytes begin in the section of the tiles; of a further directory, in that of the directories.</param>
/// <param name="Length">Bytes.</param>
/// <param name="RunLength">How many tiles from the first on have these bytes; 0 says that the bytes are a directory.</param>
internal readonly record struct PmTilesEntry(ulong TileId, ulong Offset, uint Length, uint RunLength);
