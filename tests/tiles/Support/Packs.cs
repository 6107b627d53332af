using System.IO.Compression;
using System.Text;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Crdt.Tiles.Tests;

/// <summary>Packs to test with, each tile's content known by its place.</summary>
internal static class Packs
{
    public const string Metadata = """{"name":"made here","attribution":"nobody","vector_layers":[{"id":"a","fields":{}}]}""";

    public static readonly TilePackInfo Info = new()
    {
        Type = TileType.Mvt,
        Compression = TileCompression.Gzip,
        ZoomMin = 0,
        ZoomMax = 7,
        Bounds = new TileBounds(-123.5, -45, 100.25, 60.125),
        Center = (10.5, 47.25),
        CenterZoom = 3,
    };

    /// <summary>So many, times what CRDT_PROPERTY_CASES says.</summary>
    public static int Cases(int count) => (int)(count * (double.TryParse(Environment.GetEnvironmentVariable("CRDT_PROPERTY_CASES"),
        System.Globalization.CultureInfo.InvariantCulture, out double times) ? Math.Max(times, 0.1) : 1));

    /// <summary>Places with tiles: all of the first levels, and most of the later.</summary>
    public static IEnumerable<TileCoordinate> Places(int zoomMax)
    {
        for (int zoom = 0; zoom <= zoomMax; zoom++)
        {
            for (int x = 0; x < 1 << zoom; x++)
            {
                for (int y = 0; y < 1 << zoom; y++)
                {
                    if (zoom < 4 || (x + (2 * y)) % 7 != 0) yield return new TileCoordinate(zoom, x, y);
                }
            }
        }
    }

    /// <summary>What is at a place: the sea of the north looks the same everywhere.</summary>
    public static byte[] TileAt(TileCoordinate tile) => Zip(Encoding.UTF8.GetBytes(tile.Zoom > 0 && tile.Y < 1 << (tile.Zoom - 1) ? "sea" : $"land at {tile}"));

    public static async Task<byte[]> PmTilesAsync(int zoomMax = 7, Func<IEnumerable<TileCoordinate>, IEnumerable<TileCoordinate>>? inOrder = null)
    {
        using MemoryStream scratch = new(), output = new();
        var writer = new PmTilesWriter(scratch);
        inOrder ??= static p => p.Order();
        foreach (TileCoordinate tile in inOrder(Places(zoomMax))) writer.Add(tile, TileAt(tile));
        await writer.CompleteAsync(output, Info with { ZoomMax = zoomMax }, Metadata);
        return output.ToArray();
    }

    /// <summary>An MBTiles pack: of one table, or as others make it, of a view over two tables that hold each content once.</summary>
    public static byte[] MbTiles(string? schema = null, int zoomMax = 4, bool isWal = false)
    {
        string file = Path.Combine(Path.GetTempPath(), $"crdt-tiles-{Guid.NewGuid():N}.mbtiles");
        try
        {
            using (var connection = new SqliteConnection($"Data Source={file};Pooling=False"))
            {
                connection.Open();
                if (isWal) Run("PRAGMA journal_mode = WAL");
                Run("CREATE TABLE metadata (name text, value text)");
                (string, string)[] rows =
                [
                    ("name", "made here"), ("format", "pbf"), ("minzoom", "0"), ("maxzoom", $"{zoomMax}"), ("bounds", "-123.5,-45,100.25,60.125"),
                    ("center", "10.5,47.25,3"), ("attribution", "nobody"), ("json", """{"vector_layers":[{"id":"a","fields":{}}],"name":"not this one"}"""),
                ];
                foreach ((string name, string value) in rows) Run("INSERT INTO metadata VALUES ($1, $2)", name, value);
                Run(schema ?? "CREATE TABLE tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob)");
                bool isView = schema?.Contains("VIEW tiles AS SELECT map", StringComparison.Ordinal) ?? false;
                using SqliteTransaction all = connection.BeginTransaction();
                foreach (TileCoordinate tile in schema is null || isView ? Places(zoomMax) : [])
                {
                    object[] place = [tile.Zoom, tile.X, (1 << tile.Zoom) - 1 - tile.Y];
                    byte[] bytes = TileAt(tile);
                    string id = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(bytes));
                    if (isView)
                    {
                        Run("INSERT OR IGNORE INTO images VALUES ($1, $2)", id, bytes);
                        Run("INSERT INTO map VALUES ($1, $2, $3, $4)", [.. place, id]);
                    }
                    else Run("INSERT INTO tiles VALUES ($1, $2, $3, $4)", [.. place, bytes]);
                }
                all.Commit();
                if (isWal) Run("PRAGMA wal_checkpoint(TRUNCATE)");

                void Run(string sql, params object[] arguments)
                {
                    using SqliteCommand command = connection.CreateCommand();
                    command.CommandText = sql;
                    for (int i = 0; i < arguments.Length; i++) command.Parameters.AddWithValue($"${i + 1}", arguments[i]);
                    command.ExecuteNonQuery();
                }
            }
            return File.ReadAllBytes(file);
        }
        finally
        {
            foreach (string left in (string[])[file, file + "-wal", file + "-shm"]) File.Delete(left);
        }
    }

    public const string View = """
        CREATE TABLE images (tile_id text PRIMARY KEY, tile_data blob);
        CREATE TABLE map (zoom_level integer, tile_column integer, tile_row integer, tile_id text);
        CREATE UNIQUE INDEX map_index ON map (zoom_level, tile_column, tile_row);
        CREATE VIEW tiles AS SELECT map.zoom_level AS zoom_level, map.tile_column AS tile_column, map.tile_row AS tile_row, images.tile_data AS tile_data
        FROM map JOIN images ON images.tile_id = map.tile_id
        """;

    public static byte[] Zip(byte[] bytes)
    {
        using var output = new MemoryStream();
        using (var packing = new GZipStream(output, CompressionLevel.Optimal, leaveOpen: true)) packing.Write(bytes);
        return output.ToArray();
    }

    public static byte[] Unzip(byte[] bytes)
    {
        using var unpacking = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
        using var output = new MemoryStream();
        unpacking.CopyTo(output);
        return output.ToArray();
    }

    /// <summary>Stores bytes as a blob, all of them or, of another store's, some chunks.</summary>
    public static async Task<Blob> StoreAsync(IBlobStore store, byte[] bytes, string mediaType = PackManifest.PmTilesMediaType)
    {
        await using IBlobDraft draft = await store.CreateAsync(default);
        await draft.AppendAsync(bytes, default);
        (BlobHash root, BlobHash sha256, long size) = await draft.CompleteAsync(default);
        return new Blob(root, sha256, size, mediaType, "world");
    }

    /// <summary>Lets a chunk of a blob arrive.</summary>
    public static async Task ArriveAsync(IBlobStore from, IBlobStore at, Blob blob, int chunk)
    {
        byte[] bytes = new byte[BlobTree.ChunkLengthBytes];
        int length = await from.ReadAsync(blob.Root, chunk, bytes, default);
        Assert.True(await at.WriteAsync(blob.Root, blob.Size, chunk, bytes.AsMemory(0, length), from.ReadProof(blob.Root, chunk), default));
    }

    public static async Task<TileError> ErrorOf(Func<Task> act) => (await Assert.ThrowsAsync<TileException>(act)).Error;
}
