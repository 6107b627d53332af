using System.Buffers;
using System.IO.Pipelines;
using Crdt.Tiles.MbTiles;
using Crdt.Tiles.PmTiles;

namespace Crdt.Tiles;

/// <summary>Opens tile packs, and makes the one kind from the other.</summary>
public static class TilePack
{
    /// <summary>The largest MBTiles pack that is read into memory by default: 256 MiB.</summary>
    public const long MbTilesBytesMax = 256L << 20;

    private static ReadOnlySpan<byte> SqliteMagic => "SQLite format 3\0"u8;

    /// <summary>Opens a pack by what its first bytes say that it is. PMTiles need their first 16 KiB to be here and read the
    /// rest in ranges; MBTiles are read into memory as a whole, and so are meant for small packs.</summary>
    /// <param name="source">Where its bytes are; stays the caller's and is kept open as long as the pack.</param>
    /// <param name="mbTilesBytesMax">The largest MBTiles pack that is read into memory.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TileException">It is none, or its beginning is not here yet.</exception>
    public static async ValueTask<ITilePack> OpenAsync(
        IPackSource source, long mbTilesBytesMax = MbTilesBytesMax, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        byte[] start = new byte[SqliteMagic.Length];
        int read = await source.ReadAtAsync(0, start, cancellationToken).ConfigureAwait(false);
        return start.AsSpan(0, read).SequenceEqual(SqliteMagic)
            ? await MbTilesPack.OpenAsync(source, mbTilesBytesMax, cancellationToken).ConfigureAwait(false)
            : await PmTilesPack.OpenAsync(source, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Takes a pack into a space: its bytes as a blob, and what it says of itself as the entity of its name, which from then
    /// on stands for this pack.</summary>
    /// <param name="replica">Where it is taken in.</param>
    /// <param name="name">Its name in the space.</param>
    /// <param name="content">Its bytes, read to their end; memory stays flat.</param>
    /// <param name="date">Of when its data are.</param>
    /// <param name="user">Who does it.</param>
    /// <param name="cancellationToken">Gives up; nothing stays.</param>
    /// <returns>What it says of itself.</returns>
    /// <exception cref="ArgumentException">The name is none.</exception>
    /// <exception cref="TileException">It is no pack, or a damaged one; nothing of it stays.</exception>
    /// <exception cref="BlobException"><see cref="BlobError.QuotaExceeded"/>, <see cref="BlobError.TooLarge"/>.</exception>
    /// <exception cref="MutationException">The replica must not write now.</exception>
    public static async ValueTask<PackManifest> AddAsync(
        Replica replica, string name, Stream content, DateTimeOffset? date = null, string? user = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(replica);
        ArgumentNullException.ThrowIfNull(content);
        EntityKey key = PackManifest.KeyOf(name);
        PipeReader reader = PipeReader.Create(content, new StreamPipeReaderOptions(leaveOpen: true));
        Blob blob;
        try
        {
            // Its first bytes say what it is, and are read again with the rest.
            ReadResult start = await reader.ReadAtLeastAsync(SqliteMagic.Length, cancellationToken).ConfigureAwait(false);
            bool isSqlite = start.Buffer.Length >= SqliteMagic.Length && start.Buffer.Slice(0, SqliteMagic.Length).ToArray().AsSpan().SequenceEqual(SqliteMagic);
            reader.AdvanceTo(start.Buffer.Start);
            (string media, string extension) = isSqlite ? (PackManifest.MbTilesMediaType, "mbtiles") : (PackManifest.PmTilesMediaType, "pmtiles");
            blob = await replica.Blobs.PutAsync(reader.AsStream(leaveOpen: true), media, $"{name}.{extension}", cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await reader.CompleteAsync().ConfigureAwait(false);
        }
        try
        {
            using ITilePack pack = await OpenAsync(new BlobPackSource(replica.Blobs, blob), cancellationToken: cancellationToken).ConfigureAwait(false);
            PackManifest manifest = await PackManifest.DescribeAsync(pack, name, date, cancellationToken).ConfigureAwait(false);
            await replica.CommitAsync(tx => manifest.WriteTo(tx.Upsert(key), blob), user, cancellationToken: cancellationToken).ConfigureAwait(false);
            return manifest;
        }
        catch when (replica.Blobs.PlacesOf(blob.Root).Count == 0)
        {
            await replica.Blobs.EvictAsync(blob.Root, evenIfLast: true, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Copies an MBTiles pack as PMTiles, which can be read in ranges and while the rest is still arriving.</summary>
    /// <param name="source">The MBTiles pack.</param>
    /// <param name="scratch">Takes the tiles meanwhile: empty, readable, writable and seekable.</param>
    /// <param name="output">What the pack is written to.</param>
    /// <param name="mbTilesBytesMax">The largest pack that is read into memory.</param>
    /// <param name="cancellationToken">Ends the copying.</param>
    /// <returns>Tiles copied.</returns>
    /// <exception cref="TileException">It is no MBTiles pack, damaged, or too large.</exception>
    public static async ValueTask<long> ConvertAsync(
        IPackSource source, Stream scratch, Stream output, long mbTilesBytesMax = MbTilesBytesMax, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        using ITilePack opened = await OpenAsync(source, mbTilesBytesMax, cancellationToken).ConfigureAwait(false);
        if (opened is not MbTilesPack pack) throw new TileException(TileError.NotAPack, "The pack to convert is no MBTiles pack.");
        var writer = new PmTilesWriter(scratch);
        foreach ((TileCoordinate tile, byte[] bytes) in pack.AllById())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (bytes.Length > TileLimits.TileBytesMax)
                throw new TileException(TileError.TooLarge, $"Tile {tile} has {bytes.Length} bytes; up to {TileLimits.TileBytesMax} are read.");
            writer.Add(tile, bytes);
        }
        if (writer.Count == 0) throw new TileException(TileError.Damaged, "The pack has no tiles.");
        await writer.CompleteAsync(output, pack.Info, await pack.GetMetadataAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        return writer.Count;
    }
}
