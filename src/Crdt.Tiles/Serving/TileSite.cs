using System.Globalization;
using System.Text.Json;
using Crdt.Tiles.Serving;

namespace Crdt.Tiles;

/// <summary>Answers requests for the maps of a space, whatever serves HTTP: the packs there are, one of them as TileJSON, its
/// tiles. Tiles whose bytes are here are served while others are still arriving. Calls may overlap.</summary>
/// <param name="replica">Whose maps; stays the caller's.</param>
/// <param name="memoryBytesMax">Memory for packs that stay open, MBTiles above all.</param>
public sealed class TileSite(Replica replica, long memoryBytesMax = TileSite.MemoryBytesMaxDefault) : IDisposable
{
    /// <summary>Memory for open packs by default: 512 MiB.</summary>
    public const long MemoryBytesMaxDefault = 512L << 20;

    // 128 bits in hex.
    private const int TagLength = 32;

    private readonly PackShelf shelf = new(memoryBytesMax);

    /// <summary>One tile.</summary>
    /// <param name="pack">Name of the pack.</param>
    /// <param name="zoom">Level, as the address says it.</param>
    /// <param name="x">Column.</param>
    /// <param name="y">Row, counted from the north; an extension behind it, as <c>.mvt</c>, is passed over.</param>
    /// <param name="accepts">Whether the client takes a content encoding, as <c>gzip</c>.</param>
    /// <param name="isHeld">Whether the client says that it holds what an entity tag names.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async ValueTask<TileAnswer> GetTileAsync(
        string pack, string zoom, string x, string y, Func<string, bool> accepts, Func<string, bool> isHeld, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(accepts);
        ArgumentNullException.ThrowIfNull(isHeld);
        if (Find(pack) is not { } manifest) return NoPack(pack);
        if (ParseTile(zoom, x, y) is not { IsValid: true } tile) return TileAnswer.Problem(404, "NO_SUCH_TILE", $"There is no tile {zoom}/{x}/{y}.");
        if (ContentOf(manifest) is not { } content) return NoContent(pack);
        try
        {
            return await shelf.UseAsync(content, Open, p => AnswerAsync(p, content.Tag, tile, accepts, isHeld, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        catch (TileException e)
        {
            return TileAnswer.Of(e);
        }
    }

    /// <summary>A pack as TileJSON 3.0.0: known from its manifest, before any of it has arrived.</summary>
    /// <param name="pack">Name of the pack.</param>
    /// <param name="tilesUrl">Where its tiles are, with <c>{z}</c>, <c>{x}</c> and <c>{y}</c>.</param>
    /// <param name="isHeld">Whether the client says that it holds what an entity tag names.</param>
    public TileAnswer GetTileJson(string pack, string tilesUrl, Func<string, bool> isHeld)
    {
        ArgumentNullException.ThrowIfNull(isHeld);
        if (Find(pack) is not { } manifest) return NoPack(pack);
        byte[] json = PackManifest.Read(manifest).ToTileJson(pack, tilesUrl, ContentOf(manifest)?.Tag ?? "none");
        string tag = $"\"{System.IO.Hashing.XxHash128.HashToUInt128(json):x32}\"";
        return isHeld(tag) ? new TileAnswer { Status = 304, ETag = tag } : new TileAnswer { Status = 200, MediaType = "application/json", ETag = tag, Body = json };
    }

    /// <summary>The packs of a list, as a JSON array of their names and titles.</summary>
    /// <param name="packs">Manifests, in the order wanted.</param>
    /// <param name="urlOf">Where a pack's TileJSON is.</param>
    public static TileAnswer List(IEnumerable<Entity> packs, Func<string, string> urlOf)
    {
        ArgumentNullException.ThrowIfNull(packs);
        ArgumentNullException.ThrowIfNull(urlOf);
        using var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartArray();
            foreach (Entity pack in packs)
            {
                json.WriteStartObject();
                json.WriteString("id", pack.Key.Id);
                json.WriteString("name", PackManifest.Read(pack).Title);
                json.WriteString("url", urlOf(pack.Key.Id));
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        return new TileAnswer { Status = 200, MediaType = "application/json", Body = output.ToArray() };
    }

    /// <summary>The bytes of a pack, for who reads it in ranges of its own.</summary>
    /// <param name="pack">Name of the pack.</param>
    /// <param name="refusal">Why there are none.</param>
    public PackContent? FindContent(string pack, out TileAnswer? refusal)
    {
        refusal = null;
        if (Find(pack) is not { } manifest) refusal = NoPack(pack);
        else if (ContentOf(manifest) is { } content) return content;
        else refusal = NoContent(pack);
        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => shelf.Dispose();

    private Entity? Find(string pack) => EntityKey.TryParse($"{PackManifest.Domain}/{PackManifest.EntityType}/{pack}", out EntityKey? key) ? replica.Get(key) : null;

    // A blob's root binds its content and its length.
    private PackContent? ContentOf(Entity manifest) => manifest[PackManifest.PackField] is { Kind: ValueKind.Blob } pack
        ? new PackContent(pack.AsBlob().Root.ToString()[..TagLength], new BlobPackSource(replica.Blobs, pack.AsBlob())) : null;

    private ValueTask<ITilePack> Open(IPackSource source, CancellationToken cancellation) =>
        TilePack.OpenAsync(source, Math.Min(TilePack.MbTilesBytesMax, memoryBytesMax), cancellation);

    private static async ValueTask<TileAnswer> AnswerAsync(
        ITilePack pack, string packTag, TileCoordinate tile, Func<string, bool> accepts, Func<string, bool> isHeld, CancellationToken cancellation)
    {
        TilePackInfo info = pack.Info;
        if (tile.Zoom < info.ZoomMin || tile.Zoom > info.ZoomMax)
            return TileAnswer.Problem(404, "NO_SUCH_LEVEL", $"The pack has the levels {info.ZoomMin} to {info.ZoomMax}.");
        string? packed = info.Compression switch { TileCompression.Gzip => "gzip", TileCompression.Brotli => "br", TileCompression.Zstd => "zstd", _ => null };
        bool isUnpacked = packed is not null && !accepts(packed);
        if (isUnpacked && info.Compression == TileCompression.Zstd)
            return TileAnswer.Problem(406, "ENCODING_NOT_ACCEPTED", "The tiles of this pack are compressed with Zstandard, which the client does not accept.");
        // Packs are named by their content, so a tag holds for ever; other bytes for the same tile have another.
        string tag = $"\"{packTag}-{tile.Zoom}-{tile.X}-{tile.Y}{(isUnpacked ? "-u" : "")}\"";
        if (isHeld(tag)) return new TileAnswer { Status = 304, ETag = tag };
        if (await pack.GetAsync(tile, cancellation).ConfigureAwait(false) is not { } bytes) return new TileAnswer { Status = 204, ETag = tag };
        return new TileAnswer
        {
            Status = 200,
            MediaType = info.MediaType,
            ContentEncoding = isUnpacked ? null : packed,
            ETag = tag,
            Body = isUnpacked ? TileCodec.Unpack(bytes, info.Compression, $"tile {tile}") : bytes,
        };
    }

    private static TileCoordinate? ParseTile(string zoom, string x, string y)
    {
        int end = y.IndexOf('.', StringComparison.Ordinal);
        return Number(zoom) is { } z && Number(x) is { } column && Number(end < 0 ? y : y[..end]) is { } row ? new TileCoordinate(z, column, row) : null;

        static int? Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
    }

    private static TileAnswer NoPack(string pack) => TileAnswer.Problem(404, "NO_SUCH_PACK", $"There is no pack '{pack}' in this space.");

    private static TileAnswer NoContent(string pack) => TileAnswer.Problem(404, "NO_CONTENT", $"The pack '{pack}' names no blob.");
}
