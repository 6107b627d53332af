using System.Text.Json;

namespace Crdt.Tiles.Tests;

public sealed class TileSiteTests : IAsyncLifetime
{
    private static readonly SpaceGenesis Genesis = SpaceGenesis.Create(new ReplicaId(Guid.NewGuid()), "maps", [], TimeProvider.System);

    private MemoryReplicaStore store = null!;
    private Replica replica = null!;
    private TileSite site = null!;

    public async Task InitializeAsync()
    {
        store = Store();
        replica = await Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Genesis = Genesis });
        site = Site();
    }

    public async Task DisposeAsync()
    {
        site.Dispose();
        await replica.DisposeAsync();
    }

    [Fact]
    public async Task A_manifest_says_what_the_pack_says()
    {
        byte[] bytes = await Packs.PmTilesAsync();
        PackManifest written = await AddAsync("world", bytes);
        Assert.Equal(written, PackManifest.Read(replica.Get(PackManifest.KeyOf("world"))!));
        Assert.Equal("made here", written.Title);
        Assert.Equal("nobody", written.Attribution);
        TileAnswer answer = site.GetTileJson("world", "http://here/tiles/world/{z}/{x}/{y}", static _ => false);
        JsonElement json = JsonDocument.Parse(answer.Body).RootElement;
        Assert.Equal((200, "application/json"), (answer.Status, answer.MediaType));
        Assert.Equal("3.0.0", json.GetProperty("tilejson").GetString());
        Assert.Equal("http://here/tiles/world/{z}/{x}/{y}", json.GetProperty("tiles")[0].GetString());
        Assert.Equal([-123.5, -45, 100.25, 60.125], json.GetProperty("bounds").EnumerateArray().Select(n => n.GetDouble()));
        Assert.Equal([10.5, 47.25, 3], json.GetProperty("center").EnumerateArray().Select(n => n.GetDouble()));
        Assert.Equal((0, 7), (json.GetProperty("minzoom").GetInt32(), json.GetProperty("maxzoom").GetInt32()));
        Assert.Equal("a", json.GetProperty("vector_layers")[0].GetProperty("id").GetString());
        Assert.Equal(304, site.GetTileJson("world", "http://here/tiles/world/{z}/{x}/{y}", t => t == answer.ETag).Status);
        Assert.Equal(404, site.GetTileJson("nowhere", "", static _ => false).Status);
    }

    [Fact]
    public async Task A_manifest_of_nonsense_is_read_as_a_pack_that_says_nothing()
    {
        await replica.CommitAsync(tx => tx.Create(PackManifest.KeyOf("odd")).Set("zoom_min", 99).Set("bounds", "everywhere").Set("center", Value.ArrayOf(1)).Set("title", 5));
        PackManifest manifest = PackManifest.Read(replica.Get(PackManifest.KeyOf("odd"))!);
        Assert.Equal(("odd", TileBounds.World, TileType.Unknown), (manifest.Title, manifest.Info.Bounds, manifest.Info.Type));
        Assert.Equal(404, (await GetAsync("odd", default)).Status);
        Assert.Equal("NO_CONTENT", CodeOf(await GetAsync("odd", default)));
    }

    [Fact]
    public async Task A_tile_is_answered_as_it_lies_in_the_pack_or_unpacked_for_who_does_not_take_gzip()
    {
        await AddAsync("world", await Packs.PmTilesAsync());
        var tile = new TileCoordinate(7, 100, 100);
        TileAnswer packed = await GetAsync("world", tile), plain = await GetAsync("world", tile, accepts: "identity");
        Assert.Equal((200, "application/vnd.mapbox-vector-tile", "gzip"), (packed.Status, packed.MediaType, packed.ContentEncoding));
        Assert.Equal(Packs.TileAt(tile), packed.Body.ToArray());
        Assert.Equal((200, (string?)null), (plain.Status, plain.ContentEncoding));
        Assert.Equal(Packs.Unzip(Packs.TileAt(tile)), plain.Body.ToArray());
        Assert.NotEqual(packed.ETag, plain.ETag);
        Assert.Equal(304, (await GetAsync("world", tile, held: packed.ETag)).Status);
        Assert.Equal(200, (await GetAsync("world", new TileCoordinate(7, 100, 99), held: packed.ETag)).Status);
        Assert.Equal(204, (await GetAsync("world", new TileCoordinate(4, 0, 0))).Status);
        Assert.Equal("NO_SUCH_LEVEL", CodeOf(await GetAsync("world", new TileCoordinate(8, 0, 0))));
        Assert.Equal("NO_SUCH_TILE", CodeOf(await GetAsync("world", new TileCoordinate(3, 8, 0))));
        Assert.Equal("NO_SUCH_PACK", CodeOf(await GetAsync("moon", default)));
        Assert.Equal(200, (await site.GetTileAsync("world", "7", "100", "100.mvt", static _ => true, static _ => false)).Status);
        foreach (string nonsense in (string[])["-1", "1e1", "", "99999999999", "../x"])
            Assert.Equal(404, (await site.GetTileAsync("world", nonsense, nonsense, nonsense, static _ => true, static _ => false)).Status);
    }

    [Fact]
    public async Task Tiles_are_answered_as_their_chunks_arrive_and_no_sooner()
    {
        byte[] bytes = await Packs.PmTilesAsync(zoomMax: 8);
        await using var elsewhere = new MemoryBlobStore();
        Blob blob = await Packs.StoreAsync(elsewhere, bytes);
        int chunks = new BlobTree(blob.Size).Chunks;
        Assert.InRange(chunks, 3, 100);
        using (ITilePack pack = await TilePack.OpenAsync(new MemoryPackSource(bytes)))
        {
            PackManifest manifest = await PackManifest.DescribeAsync(pack, "world");
            await replica.CommitAsync(tx => manifest.WriteTo(tx.Create(PackManifest.KeyOf("world")), blob));
        }
        // The last content of the pack: the sea is in the first chunk.
        TileCoordinate far = Packs.Places(8).Where(t => t.Y >= 128).Max();
        TileAnswer none = await GetAsync("world", default);
        Assert.Equal((503, "TILE_NOT_HERE", (int?)2), (none.Status, CodeOf(none), none.RetryAfterSeconds));
        for (int chunk = 0; chunk < chunks - 1; chunk++) await Packs.ArriveAsync(elsewhere, store.Blobs, blob, chunk);
        Assert.Equal(200, (await GetAsync("world", default)).Status);
        Assert.Equal(503, (await GetAsync("world", far)).Status);
        await Packs.ArriveAsync(elsewhere, store.Blobs, blob, chunks - 1);
        Assert.Equal(Packs.TileAt(far), (await GetAsync("world", far)).Body.ToArray());
        Assert.Equal(Packs.TileAt(new TileCoordinate(3, 2, 7)), (await GetAsync("world", new TileCoordinate(3, 2, 7))).Body.ToArray());
    }

    [Fact]
    public async Task An_MBTiles_pack_is_answered_alike_and_one_that_is_no_pack_says_so()
    {
        await AddAsync("small", Packs.MbTiles(), PackManifest.MbTilesMediaType);
        var tile = new TileCoordinate(4, 9, 12);
        Assert.Equal(Packs.TileAt(tile), (await GetAsync("small", tile)).Body.ToArray());
        Blob blob = await Packs.StoreAsync(store.Blobs, [1, 2, 3, 4, 5, 6, 7, 8]);
        await replica.CommitAsync(tx => tx.Create(PackManifest.KeyOf("none")).Set(PackManifest.PackField, blob));
        Assert.Equal((500, "NOT_A_PACK"), ((await GetAsync("none", default)).Status, CodeOf(await GetAsync("none", default))));
    }

    [Fact]
    public async Task Packs_over_the_budget_of_memory_are_closed_and_opened_again_while_others_read_them()
    {
        byte[] bytes = Packs.MbTiles(zoomMax: 3);
        using var tight = new TileSite(replica, bytes.Length + (bytes.Length / 2));
        for (int i = 0; i < 4; i++) await AddAsync($"p{i}", [.. bytes[..^1], (byte)i], PackManifest.MbTilesMediaType);
        await Parallel.ForEachAsync(Enumerable.Range(0, 400), async (i, cancel) =>
        {
            TileAnswer answer = await tight.GetTileAsync($"p{i % 4}", "3", "2", "7", static _ => true, static _ => false, cancel);
            Assert.Equal(200, answer.Status);
        });
    }

    private static MemoryReplicaStore Store() => new(new ReplicaIdentity(Genesis.Space, new ReplicaId(Guid.NewGuid()), ReplicaRole.Client));

    private TileSite Site() => new(replica);

    private async Task<PackManifest> AddAsync(string name, byte[] bytes, string mediaType = PackManifest.PmTilesMediaType)
    {
        Blob blob = await Packs.StoreAsync(store.Blobs, bytes, mediaType);
        using ITilePack pack = await TilePack.OpenAsync(new BlobPackSource(replica.Blobs, blob));
        PackManifest manifest = await PackManifest.DescribeAsync(pack, name, new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero));
        await replica.CommitAsync(tx => manifest.WriteTo(tx.Create(PackManifest.KeyOf(name)), blob));
        return manifest;
    }

    private async Task<TileAnswer> GetAsync(string pack, TileCoordinate tile, string accepts = "gzip", string? held = null) =>
        await site.GetTileAsync(pack, $"{tile.Zoom}", $"{tile.X}", $"{tile.Y}", e => e == accepts, t => t == held);

    private static string CodeOf(TileAnswer answer) => JsonDocument.Parse(answer.Body).RootElement.GetProperty("code").GetString()!;
}
