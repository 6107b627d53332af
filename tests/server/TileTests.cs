using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Crdt.Tiles;
using Crdt.Tiles.Tests;
using Crdt.Transport;

namespace Crdt.Server.Tests;

public sealed class TileTests : ServerTest
{
    protected override string[] Arguments => ["--listen", "127.0.0.1:0"];

    private static readonly HttpClient Client = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None });

    [Fact]
    public async Task A_map_is_found_described_and_drawn_by_who_may_read_its_manifest()
    {
        byte[] bytes = await AddAsync("world");
        using HttpResponseMessage list = await GetAsync("/tiles");
        JsonElement pack = Assert.Single((await list.Content.ReadFromJsonAsync<JsonElement>()).EnumerateArray());
        Assert.Equal(("world", "made here"), (pack.GetProperty("id").GetString(), pack.GetProperty("name").GetString()));
        using HttpResponseMessage described = await GetAsync(new Uri(pack.GetProperty("url").GetString()!).AbsolutePath);
        JsonElement json = await described.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("application/json", described.Content.Headers.ContentType!.MediaType);
        string template = json.GetProperty("tiles")[0].GetString()!;
        Assert.StartsWith(Address, template);
        var tile = new TileCoordinate(7, 100, 100);
        string path = new Uri(template.Replace("{z}", "7").Replace("{x}", "100").Replace("{y}", "100")).AbsolutePath;
        using HttpResponseMessage packed = await GetAsync(path, encodings: "br, gzip"), plain = await GetAsync(path, encodings: "gzip;q=0, *;q=0"), none = await GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, packed.StatusCode);
        Assert.Equal(("gzip", "application/vnd.mapbox-vector-tile"), (packed.Content.Headers.ContentEncoding.Single(), packed.Content.Headers.ContentType!.MediaType));
        Assert.Equal(Packs.TileAt(tile), await packed.Content.ReadAsByteArrayAsync());
        foreach (HttpResponseMessage unpacked in (HttpResponseMessage[])[plain, none])
        {
            Assert.Empty(unpacked.Content.Headers.ContentEncoding);
            Assert.Equal(Packs.Unzip(Packs.TileAt(tile)), await unpacked.Content.ReadAsByteArrayAsync());
        }
        Assert.True(packed.Headers.CacheControl is { Private: true, NoCache: true });
        Assert.Contains("Accept-Encoding", packed.Headers.Vary);
        using HttpResponseMessage again = await GetAsync(path, encodings: "gzip", held: packed.Headers.ETag!.ToString()), other = await GetAsync(path, held: packed.Headers.ETag.ToString());
        Assert.Equal((HttpStatusCode.NotModified, HttpStatusCode.OK), (again.StatusCode, other.StatusCode));
        using HttpResponseMessage sea = await GetAsync("/tiles/world/4/0/0"), head = await GetAsync(path, method: HttpMethod.Head);
        Assert.Equal((HttpStatusCode.NoContent, 0), (sea.StatusCode, (await sea.Content.ReadAsByteArrayAsync()).Length));
        Assert.Equal((HttpStatusCode.OK, 0), (head.StatusCode, (await head.Content.ReadAsByteArrayAsync()).Length));
        Assert.Equal("NO_SUCH_LEVEL", await ProblemAsync("/tiles/world/9/0/0", HttpStatusCode.NotFound));
        Assert.Equal("NO_SUCH_PACK", await ProblemAsync("/tiles/moon/0/0/0", HttpStatusCode.NotFound));
        Assert.Equal("NO_SUCH_PACK", await ProblemAsync("/tiles/moon", HttpStatusCode.NotFound));
        Assert.Equal("NO_SUCH_PACK", await ProblemAsync("/tiles/moon/file", HttpStatusCode.NotFound));
        using HttpResponseMessage file = await GetAsync("/tiles/world/file");
        Assert.Equal(bytes, await file.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Without_a_token_or_without_its_scope_there_is_no_map()
    {
        await AddAsync("world");
        await AddAsync("harbour");
        foreach (string path in (string[])["/tiles", "/tiles/world", "/tiles/world/0/0/0", "/tiles/world/file"])
        {
            using HttpResponseMessage stranger = await SendAsync(path, token: null), forger = await SendAsync(path, token: "nonsense");
            Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized), (stranger.StatusCode, forger.StatusCode));
            Assert.Equal("Bearer", stranger.Headers.WwwAuthenticate.Single().Scheme);
        }
        foreach (string path in (string[])["/tiles/world", "/tiles/world/0/0/0", "/tiles/world/file"])
        {
            Assert.Equal("FORBIDDEN", await ProblemAsync(path, HttpStatusCode.Forbidden, scope: "offline:read:incident offline:write:map"));
            Assert.Equal("FORBIDDEN", await ProblemAsync(path, HttpStatusCode.Forbidden, scope: "offline:read:map:pack:harbour"));
        }
        using HttpResponseMessage mine = await GetAsync("/tiles/harbour/0/0/0", scope: "offline:read:map:pack:harbour"), list = await GetAsync("/tiles", scope: "offline:read:map:pack:harbour");
        Assert.Equal(HttpStatusCode.OK, mine.StatusCode);
        Assert.Equal("harbour", Assert.Single((await list.Content.ReadFromJsonAsync<JsonElement>()).EnumerateArray()).GetProperty("id").GetString());
    }

    [Fact]
    public async Task A_pack_is_taken_in_from_who_may_write_its_manifest_and_what_is_none_leaves_nothing()
    {
        byte[] first = await Packs.PmTilesAsync(zoomMax: 4), second = Packs.MbTiles();
        using (HttpResponseMessage made = await PutAsync("/tiles/world?date=2026-11-01", first, "offline:write:map:pack:world offline:read"))
        {
            JsonElement json = await made.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal((HttpStatusCode.OK, "made here", 4), (made.StatusCode, json.GetProperty("name").GetString(), json.GetProperty("maxzoom").GetInt32()));
            Assert.Equal("2026-11-01T00:00:00Z", json.GetProperty("date").GetString());
        }
        using (HttpResponseMessage tile = await GetAsync("/tiles/world/4/9/12", encodings: "gzip")) Assert.Equal(Packs.TileAt(new TileCoordinate(4, 9, 12)), await tile.Content.ReadAsByteArrayAsync());
        Entity manifest = Replica.Get(PackManifest.KeyOf("world"))!;
        Blob blob = manifest[PackManifest.PackField]!.Value.AsBlob();
        Assert.Equal(("world.pmtiles", PackManifest.PmTilesMediaType, (long)first.Length), (blob.Name, blob.MediaType, blob.Size));
        Assert.Equal("mia", Replica.Mutations(new MutationFilter { Key = manifest.Key }).Last().Mutation.User);
        // Another pack under the same name: other tags, another content.
        using (HttpResponseMessage again = await PutAsync("/tiles/world", second, "offline:write")) Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        using (HttpResponseMessage file = await GetAsync("/tiles/world/file")) Assert.Equal(second, await file.Content.ReadAsByteArrayAsync());
        using (HttpResponseMessage described = await GetAsync("/tiles/world")) Assert.False((await described.Content.ReadFromJsonAsync<JsonElement>()).TryGetProperty("date", out _));

        long used = Replica.Blobs.UsedBytes;
        Assert.Equal("NOT_A_PACK", await RefusedAsync("/tiles/other", [1, 2, 3], HttpStatusCode.UnprocessableEntity));
        Assert.Equal("NOT_A_PACK", await RefusedAsync("/tiles/other", [], HttpStatusCode.UnprocessableEntity));
        Assert.Equal("PACK_DAMAGED", await RefusedAsync("/tiles/other", first[..200], HttpStatusCode.UnprocessableEntity));
        Assert.Equal("INVALID_ARGUMENT", await RefusedAsync("/tiles/other?date=yesterday", first, HttpStatusCode.BadRequest));
        Assert.Equal("INVALID_ARGUMENT", await RefusedAsync("/tiles/" + new string('x', 300), first, HttpStatusCode.BadRequest));
        Assert.Equal("FORBIDDEN", await RefusedAsync("/tiles/other", first, HttpStatusCode.Forbidden, "offline:read offline:write:map:pack:world"));
        Replica.Blobs.Policy = new BlobPolicy { QuotaBytes = used };
        Assert.Equal("QUOTA_EXCEEDED", await RefusedAsync("/tiles/other", await Packs.PmTilesAsync(), HttpStatusCode.InsufficientStorage));
        Assert.Null(Replica.Get(PackManifest.KeyOf("other")));
        Assert.Equal(used, Replica.Blobs.UsedBytes);

        async Task<HttpResponseMessage> PutAsync(string path, byte[] bytes, string scope)
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, Address + path) { Content = new ByteArrayContent(bytes) };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(scope, "mia"));
            return await Client.SendAsync(request);
        }

        async Task<string> RefusedAsync(string path, byte[] bytes, HttpStatusCode status, string scope = "offline:write")
        {
            using HttpResponseMessage response = await PutAsync(path, bytes, scope);
            Assert.Equal((status, "application/problem+json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
            return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()!;
        }
    }

    [Fact]
    public async Task A_pack_that_is_still_arriving_from_a_device_shows_what_has_and_says_so_of_the_rest()
    {
        await AskAsync("mutation { setGrant(user: \"dora\", scopes: [\"offline:write:map\"]) { user } }");
        await using Device device = await EnrolAsync();
        byte[] bytes = await Packs.PmTilesAsync(zoomMax: 8);
        Blob blob = await device.Replica.Blobs.PutAsync(new MemoryStream(bytes), PackManifest.PmTilesMediaType, "world.pmtiles");
        using (ITilePack pack = await TilePack.OpenAsync(new MemoryPackSource(bytes)))
        {
            PackManifest manifest = await PackManifest.DescribeAsync(pack, "world");
            await device.Replica.CommitAsync(tx => manifest.WriteTo(tx.Create(PackManifest.KeyOf("world")), blob), "dora");
        }
        TileCoordinate far = Packs.Places(8).Where(t => t.Y >= 128).Max();

        // Nothing of it yet: this server takes none by itself.
        Replica.Blobs.Policy = new BlobPolicy { Fetch = BlobFetch.OnDemand };
        await (await device.MeetAsync(Peers)).CloseAsync();
        using (HttpResponseMessage described = await GetAsync("/tiles/world")) Assert.Equal(HttpStatusCode.OK, described.StatusCode);
        Assert.Equal("TILE_NOT_HERE", await ProblemAsync("/tiles/world/0/0/0", HttpStatusCode.ServiceUnavailable));
        Assert.Equal("TILE_NOT_HERE", await ProblemAsync("/tiles/world/file", HttpStatusCode.ServiceUnavailable));

        // The beginning: a thin link bears no more.
        Replica.Blobs.Policy = new BlobPolicy { BytesPerConnectionMax = 1 };
        await MeetUntilAsync(s => s.Chunks > 0);
        Assert.False(Replica.Blobs.Find(blob.Root)!.IsWhole);
        using (HttpResponseMessage first = await GetAsync("/tiles/world/0/0/0", encodings: "gzip")) Assert.Equal(Packs.TileAt(default), await first.Content.ReadAsByteArrayAsync());
        using (HttpResponseMessage missing = await GetAsync($"/tiles/world/{far}"))
            Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(2)), (missing.StatusCode, missing.Headers.RetryAfter!.Delta));
        // A range that is here, one that is not, and all of it, which ends where there is no more.
        using (HttpResponseMessage range = await GetAsync("/tiles/world/file", range: (100, 299)))
        {
            Assert.Equal((HttpStatusCode.PartialContent, bytes.Length), (range.StatusCode, (int)range.Content.Headers.ContentRange!.Length!));
            Assert.Equal(bytes[100..300], await range.Content.ReadAsByteArrayAsync());
        }
        using (HttpResponseMessage range = await GetAsync("/tiles/world/file", range: (bytes.Length - 10, bytes.Length - 1))) Assert.Equal(HttpStatusCode.ServiceUnavailable, range.StatusCode);
        using (HttpResponseMessage range = await GetAsync("/tiles/world/file", range: (bytes.Length, bytes.Length + 5))) Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, range.StatusCode);
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            using HttpResponseMessage all = await GetAsync("/tiles/world/file");
            await all.Content.ReadAsByteArrayAsync();
        });

        Replica.Blobs.Policy = new BlobPolicy();
        await MeetUntilAsync(s => s.IsWhole);
        using (HttpResponseMessage found = await GetAsync($"/tiles/world/{far}", encodings: "gzip")) Assert.Equal(Packs.TileAt(far), await found.Content.ReadAsByteArrayAsync());
        using (HttpResponseMessage all = await GetAsync("/tiles/world/file")) Assert.Equal(bytes, await all.Content.ReadAsByteArrayAsync());

        async Task MeetUntilAsync(Func<BlobState, bool> isEnough)
        {
            var came = new TaskCompletionSource();
            Replica.Blobs.Changed += Look;
            PeerConnection connection = await device.MeetAsync(Peers);
            Look(blob.Root);
            await came.Task.WaitAsync(TimeSpan.FromSeconds(30));
            Replica.Blobs.Changed -= Look;
            await connection.CloseAsync();

            void Look(BlobHash root)
            {
                if (Replica.Blobs.Find(blob.Root) is { } state && isEnough(state)) came.TrySetResult();
            }
        }
    }

    private async Task<byte[]> AddAsync(string name, byte[]? bytes = null, Blob? blob = null)
    {
        bytes ??= await Packs.PmTilesAsync();
        blob ??= await Replica.Blobs.PutAsync(new MemoryStream(bytes), PackManifest.PmTilesMediaType, name);
        using ITilePack pack = await TilePack.OpenAsync(new MemoryPackSource(bytes));
        PackManifest manifest = await PackManifest.DescribeAsync(pack, name);
        await Replica.CommitAsync(tx => manifest.WriteTo(tx.Create(PackManifest.KeyOf(name)), blob));
        return bytes;
    }

    private async Task<string> ProblemAsync(string path, HttpStatusCode status, string scope = "offline:read")
    {
        using HttpResponseMessage response = await GetAsync(path, scope: scope);
        Assert.Equal((status, "application/problem+json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()!;
    }

    private async Task<HttpResponseMessage> GetAsync(
        string path, string? encodings = null, string? held = null, HttpMethod? method = null, string scope = "offline:read", (long From, long To)? range = null) =>
        await SendAsync(path, await TokenAsync(scope, "mia"), encodings, held, method, range);

    private async Task<HttpResponseMessage> SendAsync(
        string path, string? token, string? encodings = null, string? held = null, HttpMethod? method = null, (long From, long To)? range = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, Address + path);
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (encodings is not null) request.Headers.TryAddWithoutValidation("Accept-Encoding", encodings);
        if (held is not null) request.Headers.TryAddWithoutValidation("If-None-Match", held);
        if (range is { } wanted) request.Headers.Range = new RangeHeaderValue(wanted.From, wanted.To);
        return await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }
}
