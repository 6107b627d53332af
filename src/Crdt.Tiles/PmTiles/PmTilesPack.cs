using System.Text;
using System.Text.Json;

namespace Crdt.Tiles.PmTiles;

/// <summary>A PMTiles pack, version 3, read in ranges: a tile costs its own bytes and at most one directory that was not needed
/// before.</summary>
/// <remarks>Specification: PMTiles version 3, github.com/protomaps/PMTiles.</remarks>
internal sealed class PmTilesPack : ITilePack
{
    private readonly IPackSource source;
    private readonly PmTilesHeader header;
    private readonly PmTilesEntry[] root;
    private readonly DirectoryCache leaves = new();

    private PmTilesPack(IPackSource source, PmTilesHeader header, PmTilesEntry[] root) => (this.source, this.header, this.root) = (source, header, root);

    public TilePackInfo Info => header.Info;

    public PmTilesHeader Header => header;

    /// <summary>Opens a pack by its first bytes.</summary>
    public static async ValueTask<PmTilesPack> OpenAsync(IPackSource source, CancellationToken cancellation)
    {
        int length = (int)Math.Min(PmTilesHeader.StartBytes, source.Length);
        byte[] start = await source.ReadRangeAsync(0, length, "start of the pack", cancellation).ConfigureAwait(false);
        PmTilesHeader header = PmTilesHeader.Read(start, source.Length);
        byte[] root = TileCodec.Unpack(start.AsMemory((int)header.Root.Offset, (int)header.Root.Length), header.InternalCompression, "root directory");
        return new PmTilesPack(source, header, PmTilesDirectory.Read(root));
    }

    public async ValueTask<byte[]?> GetAsync(TileCoordinate tile, CancellationToken cancellationToken = default)
    {
        if (!tile.IsValid) throw new ArgumentException($"There is no tile {tile}.", nameof(tile));
        ulong id = HilbertTileId.Of(tile);
        PmTilesEntry[] directory = root;
        for (int depth = 0; depth < TileLimits.DirectoryDepthMax; depth++)
        {
            if (PmTilesDirectory.Find(directory, id) is not { } entry) return null;
            if (entry.RunLength > 0)
                return await ReadAsync(header.Tiles, entry, TileLimits.TileBytesMax, $"tile {tile}", cancellationToken).ConfigureAwait(false);
            directory = await LeafAsync(entry, cancellationToken).ConfigureAwait(false);
        }
        throw new TileException(TileError.Damaged, $"Tile {tile} is behind more than {TileLimits.DirectoryDepthMax} directories.");
    }

    public async ValueTask<string> GetMetadataAsync(CancellationToken cancellationToken = default)
    {
        if (header.Metadata.Length == 0) return "{}";
        if (header.Metadata.Length > TileLimits.SectionBytesMax) throw TooLarge("metadata", (ulong)header.Metadata.Length, TileLimits.SectionBytesMax);
        byte[] packed = await source.ReadRangeAsync(header.Metadata.Offset, (int)header.Metadata.Length, "metadata", cancellationToken).ConfigureAwait(false);
        byte[] json = TileCodec.Unpack(packed, header.InternalCompression, "metadata");
        try
        {
            using JsonDocument parsed = JsonDocument.Parse(json);
            if (parsed.RootElement.ValueKind != JsonValueKind.Object) throw new TileException(TileError.Damaged, "The metadata is no JSON object.");
        }
        catch (JsonException e)
        {
            throw new TileException(TileError.Damaged, $"The metadata is no JSON: {e.Message}", e);
        }
        return Encoding.UTF8.GetString(json);
    }

    public void Dispose()
    {
        // The source is whoever's that gave it.
    }

    private async ValueTask<PmTilesEntry[]> LeafAsync(PmTilesEntry entry, CancellationToken cancellation)
    {
        long place = (long)entry.Offset;
        if (leaves.Find(place) is { } held) return held;
        byte[] packed = await ReadAsync(header.Leaves, entry, TileLimits.SectionBytesMax, "directory", cancellation).ConfigureAwait(false);
        PmTilesEntry[] read = PmTilesDirectory.Read(TileCodec.Unpack(packed, header.InternalCompression, "directory"));
        leaves.Add(place, read);
        return read;
    }

    private async ValueTask<byte[]> ReadAsync(PmTilesSection section, PmTilesEntry entry, int lengthMax, string what, CancellationToken cancellation)
    {
        if (!section.Contains(entry.Offset, entry.Length))
            throw new TileException(TileError.Damaged, $"The {what} would be {entry.Length} bytes at {entry.Offset}, outside of its section of {section.Length} bytes.");
        if (entry.Length > lengthMax) throw TooLarge(what, entry.Length, lengthMax);
        return await source.ReadRangeAsync(section.Offset + (long)entry.Offset, (int)entry.Length, what, cancellation).ConfigureAwait(false);
    }

    private static TileException TooLarge(string what, ulong length, int lengthMax) =>
        new(TileError.TooLarge, $"The {what} has {length} bytes; up to {lengthMax} are read.");
}
