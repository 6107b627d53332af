using System.Text;
using System.Text.Json;
using Crdt.Tiles;

namespace Crdt.Integration.Cli;

/// <summary><c>crdt map add</c>.</summary>
public sealed class MapTests : CliTest
{
    private const string Metadata = """{"name":"The harbour","attribution":"the pilots","vector_layers":[]}""";

    [Fact]
    public async Task A_map_is_taken_in_with_what_it_says_of_itself_and_travels_as_an_attachment()
    {
        await InitAsync("a", "server");
        byte[] pack = await PackAsync();
        string file = PathOf("harbour.pmtiles");
        await File.WriteAllBytesAsync(file, pack);
        JsonElement added = (await OkAsync("a", "--json", "map", "add", file, "--date", "2026-04-01")).Json;
        Assert.Equal(("map/pack/harbour", "The harbour", "png"),
            (added.GetProperty("key").GetString(), added.GetProperty("title").GetString(), added.GetProperty("tile_type").GetString()));
        Assert.Equal([-5, 40, 5, 50], added.GetProperty("bounds").EnumerateArray().Select(b => b.GetDouble()));
        Assert.Equal(pack.Length, added.GetProperty("size").GetInt64());
        Assert.StartsWith("2026-04-01", (await OkAsync("a", "get", "map/pack/harbour", "date")).Output.Trim().Trim('"'));

        await SyncAsync("a", "server");
        await OkAsync("server", "blob", "get", "map/pack/harbour", "-o", PathOf("copy"));
        Assert.Equal(pack, await File.ReadAllBytesAsync(PathOf("copy")));
        Assert.Contains("levels 0 to 1", (await OkAsync("a", "map", "add", file, "--name", "again")).Output);
    }

    [Fact]
    public async Task What_is_no_pack_or_has_no_name_leaves_nothing()
    {
        await InitAsync("a");
        string file = Write("notes.txt", "no map at all, whatever it is called");
        (await RunAsync("a", "map", "add", file)).Failed(2, "'" + file + "' is not taken in");
        (await RunAsync("a", "map", "add", PathOf("nowhere.pmtiles"))).Failed(2, "cannot be read");
        (await RunAsync("a", "map", "add", file, "--name", "")).Failed(2, "");
        (await RunAsync("a", "map", "add", "-")).Failed(2, "--name");
        Assert.Equal(0, (await OkAsync("a", "--json", "blob", "policy")).Json.GetProperty("used").GetInt64());
        (await RunAsync("a", "get", "map/pack/notes")).Failed(3, "does not exist");
    }

    private static async Task<byte[]> PackAsync()
    {
        using MemoryStream scratch = new(), output = new();
        var writer = new PmTilesWriter(scratch);
        foreach (TileCoordinate tile in (TileCoordinate[])[new(0, 0, 0), new(1, 0, 0), new(1, 1, 1)]) writer.Add(tile, Encoding.UTF8.GetBytes($"tile {tile}"));
        var info = new TilePackInfo { Type = TileType.Png, Compression = TileCompression.None, ZoomMin = 0, ZoomMax = 1, Bounds = new TileBounds(-5, 40, 5, 50) };
        await writer.CompleteAsync(output, info, Metadata);
        return output.ToArray();
    }
}
