using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Crdt.Tiles.PmTiles;
using Microsoft.Data.Sqlite;

namespace Crdt.Tiles.MbTiles;

/// <summary>An MBTiles pack, version 1.3: a SQLite database, whose pages lie anywhere in it, so all of it has to be here; it is
/// read into memory as a whole.</summary>
/// <remarks>Specification: MBTiles 1.3, github.com/mapbox/mbtiles-spec.</remarks>
internal sealed class MbTilesPack : ITilePack
{
    private const int MetadataRowsMax = 1_000, SchemaRowsMax = 1_000;
    private const int ChunkBytes = 1 << 20;

    // A hundred million tiles.
    private const long AllStepsMax = 2_000_000_000;

    private readonly SqliteImage image;
    private readonly Dictionary<string, string> metadata;

    private MbTilesPack(SqliteImage image)
    {
        this.image = image;
        if (image.Ask("SELECT sql FROM sqlite_master", [], SchemaRowsMax + 1, static r => Text(r, 0)) is var schema && (schema.Count > SchemaRowsMax || schema.Exists(IsVirtual)))
            throw new TileException(TileError.Unsupported, "The database has virtual tables, or more tables than any pack of tiles needs.");
        metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string name, string value) in image.Ask("SELECT name, value FROM metadata", [], MetadataRowsMax, static r => (Text(r, 0), Text(r, 1)))) metadata[name] = value;
        Info = ReadInfo();
    }

    public TilePackInfo Info { get; }

    /// <summary>Reads a pack into memory.</summary>
    /// <param name="source">All of it.</param>
    /// <param name="bytesMax">Larger ones are refused.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public static async ValueTask<MbTilesPack> OpenAsync(IPackSource source, long bytesMax, CancellationToken cancellation)
    {
        if (source.Length > bytesMax)
        {
            throw new TileException(TileError.TooLarge,
                $"The MBTiles pack has {source.Length} bytes; up to {bytesMax} are read into memory. As PMTiles it can be read in ranges: convert it.");
        }
        nint memory = Take(source.Length);
        try
        {
            byte[] chunk = new byte[ChunkBytes];
            for (long at = 0; at < source.Length;)
            {
                int read = await source.ReadAtAsync(at, chunk, cancellation).ConfigureAwait(false);
                if (read == 0) throw new TileException(TileError.Damaged, $"The pack ended after {at} of {source.Length} bytes.");
                Marshal.Copy(chunk, 0, memory + (nint)at, read);
                at += read;
            }
        }
        catch
        {
            Release(memory);
            throw;
        }
        SqliteImage image = Open(memory, source.Length);
        try
        {
            return new MbTilesPack(image);
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    public ValueTask<byte[]?> GetAsync(TileCoordinate tile, CancellationToken cancellationToken = default)
    {
        if (!tile.IsValid) throw new ArgumentException($"There is no tile {tile}.", nameof(tile));
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(Read(tile));
    }

    public ValueTask<string> GetMetadataAsync(CancellationToken cancellationToken = default)
    {
        using var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            foreach ((string name, string value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
            {
                if (name != "json") json.WriteString(name, value);
            }
            if (Layers() is { } layers)
            {
                using (layers)
                {
                    foreach (JsonProperty member in layers.RootElement.EnumerateObject().Where(m => !metadata.ContainsKey(m.Name))) member.WriteTo(json);
                }
            }
            json.WriteEndObject();
        }
        return ValueTask.FromResult(Encoding.UTF8.GetString(output.ToArray()));
    }

    /// <summary>Every tile, in the order of PMTiles: for a copy as such.</summary>
    public IEnumerable<(TileCoordinate Tile, byte[] Bytes)> AllById()
    {
        for (int zoom = Info.ZoomMin; zoom <= Info.ZoomMax; zoom++)
        {
            int level = zoom;
            List<ulong> ids = image.Ask("SELECT tile_column, tile_row FROM tiles WHERE zoom_level = $1", [zoom], int.MaxValue,
                r => IdOf(level, r.GetInt64(0), r.GetInt64(1)), AllStepsMax);
            ids.Sort();
            foreach (TileCoordinate tile in ids.Select(HilbertTileId.ToTile))
            {
                if (Read(tile) is { } bytes) yield return (tile, bytes);
            }
        }
    }

    public void Dispose() => image.Dispose();

    private byte[]? Read(TileCoordinate tile)
    {
        // Rows are counted from the south.
        long row = (1L << tile.Zoom) - 1 - tile.Y;
        List<byte[]?> found = image.Ask("SELECT tile_data FROM tiles WHERE zoom_level = $1 AND tile_column = $2 AND tile_row = $3",
            [tile.Zoom, tile.X, row], 1, static r => r.IsDBNull(0) ? null : r.GetFieldValue<byte[]>(0));
        return found is [{ Length: > 0 } bytes] ? bytes : null;
    }

    private static ulong IdOf(int zoom, long x, long row)
    {
        long side = 1L << zoom;
        if (x < 0 || row < 0 || x >= side || row >= side)
            throw new TileException(TileError.Damaged, $"The pack has a tile in column {x} and row {row} of level {zoom}.");
        return HilbertTileId.Of(new TileCoordinate(zoom, (int)x, (int)(side - 1 - row)));
    }

    private TilePackInfo ReadInfo()
    {
        (long zoomMin, long zoomMax) = (Number("minzoom") ?? Zoom("min"), Number("maxzoom") ?? Zoom("max"));
        if (zoomMin < 0 || zoomMin > zoomMax || zoomMax > TileCoordinate.ZoomMax)
            throw new TileException(TileError.Damaged, $"The pack says it has the levels {zoomMin} to {zoomMax}, of 0 to {TileCoordinate.ZoomMax}.");
        double[] edges = Numbers("bounds"), center = Numbers("center");
        TileBounds bounds = edges is [var west, var south, var east, var north] ? new TileBounds(west, south, east, north) : TileBounds.World;
        if (!bounds.IsValid) throw new TileException(TileError.Damaged, $"The pack says it covers {bounds}, which is no part of the world.");
        TileType type = metadata.GetValueOrDefault("format") switch
        {
            "pbf" => TileType.Mvt,
            "png" => TileType.Png,
            "jpg" or "jpeg" => TileType.Jpeg,
            "webp" => TileType.WebP,
            "avif" => TileType.Avif,
            _ => TileType.Unknown,
        };
        byte[]? one = image.Ask("SELECT tile_data FROM tiles LIMIT 1", [], 1, static r => r.IsDBNull(0) ? null : r.GetFieldValue<byte[]>(0)).FirstOrDefault();
        return new TilePackInfo
        {
            Type = type,
            // Vector tiles are gzipped by the specification; a pack by a careless hand shows it by its first one.
            Compression = one is not null && TileCodec.IsGzip(one) ? TileCompression.Gzip : TileCompression.None,
            ZoomMin = (int)zoomMin,
            ZoomMax = (int)zoomMax,
            Bounds = bounds,
            Center = center is [var longitude, var latitude, ..] ? (longitude, latitude) : ((bounds.West + bounds.East) / 2, (bounds.South + bounds.North) / 2),
            CenterZoom = center is [_, _, >= 0 and <= TileCoordinate.ZoomMax and var at] ? (int)at : (int)zoomMin,
        };

        long? Number(string name) => metadata.TryGetValue(name, out string? text)
            && long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long number) ? number : null;

        double[] Numbers(string name)
        {
            string[] parts = metadata.GetValueOrDefault(name, "").Split(',', 5);
            var numbers = new double[parts.Length];
            for (int i = 0; i < parts.Length; i++)
            {
                if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]) || !double.IsFinite(numbers[i])) return [];
            }
            return numbers;
        }

        long Zoom(string which) => image.Ask($"SELECT zoom_level FROM tiles ORDER BY zoom_level {(which == "min" ? "ASC" : "DESC")} LIMIT 1", [], 1,
            static r => r.GetInt64(0)).FirstOrDefault();
    }

    private JsonDocument? Layers()
    {
        if (!metadata.TryGetValue("json", out string? text)) return null;
        try
        {
            JsonDocument layers = JsonDocument.Parse(text);
            if (layers.RootElement.ValueKind == JsonValueKind.Object) return layers;
            layers.Dispose();
            return null;
        }
        catch (JsonException e)
        {
            throw new TileException(TileError.Damaged, $"The pack's 'json' is none: {e.Message}", e);
        }
    }

    private static bool IsVirtual(string sql) => sql.TrimStart().StartsWith("CREATE VIRTUAL", StringComparison.OrdinalIgnoreCase);

    private static string Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? "" : row.GetString(column);

    private static unsafe nint Take(long length) => (nint)NativeMemory.Alloc((nuint)Math.Max(1, length));

    private static unsafe void Release(nint memory) => NativeMemory.Free((void*)memory);

    private static unsafe SqliteImage Open(nint memory, long length) => new((void*)memory, length);
}
