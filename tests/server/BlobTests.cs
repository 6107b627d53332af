using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;

namespace Crdt.Server.Tests;

/// <summary>Attachments over HTTP and GraphQL.</summary>
public sealed class BlobTests : ServerTest
{
    private const int UploadBytesMax = 1_500_000, QuotaBytes = 4_000_000;

    private const string Queue = "mutation($device: UUID!, $mutations: [MutationInput!]!) { queueMutations(device: $device, mutations: $mutations) { mutation { payload } } }";

    private static readonly HttpClient Http = new();

    private readonly Guid device = Guid.NewGuid();

    protected override string[] Arguments =>
        [$"--Crdt:Blobs:UploadBytesMax={UploadBytesMax}", $"--Crdt:Blobs:QuotaBytes={QuotaBytes}", "--listen", "127.0.0.1:0", "--Crdt:Blobs:Types:0=video/*=OnDemand",
            $"--Crdt:Blobs:BytesPerConnectionMax={BlobTree.ChunkLengthBytes}"];

    [Fact]
    public async Task What_the_settings_do_not_say_is_as_it_was_kept()
    {
        await Replica.Blobs.SetPolicyAsync(new BlobPolicy
        {
            Fetch = BlobFetch.ThumbnailFirst,
            ByMediaType = new Dictionary<string, BlobFetch> { ["image/*"] = BlobFetch.Never, ["video/*"] = BlobFetch.Never },
            QuotaBytes = 1,
        });
        await StopAsync();
        await StartAsync();
        BlobPolicy now = Replica.Blobs.Policy;
        Assert.Equal((BlobFetch.ThumbnailFirst, QuotaBytes, BlobTree.ChunkLengthBytes), (now.Fetch, now.QuotaBytes, now.BytesPerConnectionMax));
        Assert.Equal([("image/*", BlobFetch.Never), ("video/*", BlobFetch.OnDemand)], now.ByMediaType.Select(t => (t.Key, t.Value)).Order());
    }

    [Fact]
    public async Task What_is_uploaded_and_named_by_a_mutation_is_downloaded_byte_by_byte_in_ranges_and_by_condition()
    {
        byte[] content = RandomNumberGenerator.GetBytes(1_200_001);
        using HttpResponseMessage put = await UploadAsync(content, "image/jpeg; q=1", "strike.jpg");
        Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        JsonElement value = await JsonOfAsync(put);
        JsonElement blob = value.GetProperty("$blob");
        string root = blob.GetProperty("root").GetString()!;
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), blob.GetProperty("sha256").GetString());
        Assert.Equal("image/jpeg", blob.GetProperty("media_type").GetString());
        Assert.Equal($"/blobs/{root}", put.Headers.Location!.ToString());

        // Nothing names it yet: nobody reads it.
        using (HttpResponseMessage early = await GetAsync(root)) Assert.Equal(HttpStatusCode.NotFound, early.StatusCode);
        await NameAsync("incident", "photo", "1", value);
        Assert.Equal("strike.jpg", Replica.Get(new EntityKey("incident", "photo", "1"))!["file"]!.Value.AsBlob().Name);

        using HttpResponseMessage all = await GetAsync(root);
        Assert.Equal(content, await all.Content.ReadAsByteArrayAsync());
        Assert.Equal(("image/jpeg", content.Length), (all.Content.Headers.ContentType!.ToString(), (int)all.Content.Headers.ContentLength!));
        Assert.Equal($"\"{root}\"", all.Headers.ETag!.ToString());
        Assert.Equal("inline", all.Content.Headers.ContentDisposition!.DispositionType);
        using HttpResponseMessage part = await GetAsync(root, r => r.Headers.Range = new RangeHeaderValue(200_000, 1_100_000));
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal(content[200_000..1_100_001], await part.Content.ReadAsByteArrayAsync());
        Assert.Equal($"bytes 200000-1100000/{content.Length}", part.Content.Headers.ContentRange!.ToString());
        using HttpResponseMessage last = await GetAsync(root, r => r.Headers.Range = new RangeHeaderValue(null, 10));
        Assert.Equal(content[^10..], await last.Content.ReadAsByteArrayAsync());
        using HttpResponseMessage beyond = await GetAsync(root, r => r.Headers.Range = new RangeHeaderValue(content.Length, null));
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, beyond.StatusCode);
        using HttpResponseMessage known = await GetAsync(root, r => r.Headers.IfNoneMatch.Add(all.Headers.ETag));
        Assert.Equal(HttpStatusCode.NotModified, known.StatusCode);
        using HttpResponseMessage other = await GetAsync(root, r =>
        {
            r.Headers.Range = new RangeHeaderValue(0, 9);
            r.Headers.IfRange = new RangeConditionHeaderValue(new EntityTagHeaderValue("\"another\""));
        });
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        using HttpResponseMessage head = await GetAsync(root, r => r.Method = HttpMethod.Head);
        Assert.Equal((content.Length, 0), ((int)head.Content.Headers.ContentLength!, (await head.Content.ReadAsByteArrayAsync()).Length));

        JsonElement listed = (await AskAsync("{ blobs { nodes { root size media_type name standing bytes_here places { entity_id path } } pageInfo { hasNextPage } } }"))
            .GetProperty("blobs").GetProperty("nodes")[0];
        Assert.Equal(("HERE", content.Length, "file"), (listed.GetProperty("standing").GetString(), listed.GetProperty("bytes_here").GetInt32(),
            listed.GetProperty("places")[0].GetProperty("path").GetString()));
        await FailAsync("INVALID_ARGUMENT", "{ blob(root: \"ab\") { size } }");
        await FailAsync("INVALID_CURSOR", "{ blobs(after: \"YWJj\") { nodes { root } } }");
    }

    [Fact]
    public async Task A_token_reads_what_its_entities_name_and_nothing_that_only_others_do()
    {
        JsonElement value = await UploadedAsync([1, 2, 3], "text/plain", "secret plan.txt");
        string root = value.GetProperty("$blob").GetProperty("root").GetString()!;
        await NameAsync("people", "file", "7", value);
        const string Incidents = "offline:read:incident offline:write:incident";
        using (HttpResponseMessage hidden = await GetAsync(root, scope: Incidents))
        {
            Assert.Equal(HttpStatusCode.NotFound, hidden.StatusCode);
            Assert.DoesNotContain("secret", await hidden.Content.ReadAsStringAsync());
        }
        Assert.Equal(JsonValueKind.Null, (await AskAsync("query($r: String!) { blob(root: $r) { name } }", new { r = root }, Incidents)).GetProperty("blob").ValueKind);
        Assert.Empty((await AskAsync("{ blobs { nodes { root } } }", null, Incidents)).GetProperty("blobs").GetProperty("nodes").EnumerateArray());
        using (HttpResponseMessage allowed = await GetAsync(root, scope: "offline:read:people:file:7")) Assert.Equal([1, 2, 3], await allowed.Content.ReadAsByteArrayAsync());

        // The same content under another name: each sees the name of its own entities.
        JsonElement again = await UploadedAsync([1, 2, 3], "application/octet-stream", "evidence.bin");
        await NameAsync("incident", "scan", "1", again);
        JsonElement seen = (await AskAsync("query($r: String!) { blob(root: $r) { name places { domain } } }", new { r = root }, Incidents)).GetProperty("blob");
        Assert.Equal("evidence.bin", seen.GetProperty("name").GetString());
        Assert.Equal("incident", Assert.Single(seen.GetProperty("places").EnumerateArray()).GetProperty("domain").GetString());

        using HttpResponseMessage reader = await UploadAsync([1], "text/plain", "x", scope: "offline:read");
        Assert.Equal(HttpStatusCode.Forbidden, reader.StatusCode);
        using HttpResponseMessage nobody = await Http.GetAsync($"{Address}/blobs/{root}");
        Assert.Equal(HttpStatusCode.Unauthorized, nobody.StatusCode);
    }

    [Theory]
    [InlineData("page.html", "text/html", "attachment")]
    [InlineData("drawing.svg", "image/svg+xml", "attachment")]
    [InlineData("a\"; filename=evil.exe", "application/pdf", "attachment")]
    [InlineData("größe \u202egpj.exe", "image/png", "inline")]
    [InlineData("", "video/mp4", "inline")]
    public async Task Whatever_is_attached_does_not_run_here_and_its_name_stays_a_name(string name, string type, string disposition)
    {
        JsonElement value = await UploadedAsync("<script>alert(1)</script>"u8.ToArray(), type, name);
        await NameAsync("incident", "photo", "1", value);
        using HttpResponseMessage got = await GetAsync(value.GetProperty("$blob").GetProperty("root").GetString()!);
        Assert.Equal(type, got.Content.Headers.ContentType!.ToString());
        Assert.Equal("nosniff", Assert.Single(got.Headers.GetValues("X-Content-Type-Options")));
        Assert.Contains("sandbox", Assert.Single(got.Headers.GetValues("Content-Security-Policy")));
        ContentDispositionHeaderValue told = got.Content.Headers.ContentDisposition!;
        Assert.Equal(disposition, told.DispositionType);
        Assert.Equal(name.Length > 0 ? name : null, told.FileNameStar);
        Assert.All(told.ToString(), c => Assert.InRange(c, ' ', '~'));
    }

    [Fact]
    public async Task What_is_too_large_does_not_fit_or_is_not_what_was_meant_is_refused_and_leaves_nothing()
    {
        using (HttpResponseMessage large = await UploadAsync(new byte[UploadBytesMax + 1], "text/plain", "x"))
            Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "TOO_LARGE"), (large.StatusCode, await CodeOfAsync(large)));
        using (HttpResponseMessage chunked = await UploadAsync(new byte[UploadBytesMax + 1], "text/plain", "x", change: r => r.Headers.TransferEncodingChunked = true))
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, chunked.StatusCode);
        using (HttpResponseMessage path = await UploadAsync([1], "text/plain", "../x")) Assert.Equal("INVALID_ARGUMENT", await CodeOfAsync(path));
        using (HttpResponseMessage wrong = await UploadAsync([1], "text/plain", "x", change: r => r.Headers.Add("Repr-Digest", $"sha-256=:{Convert.ToBase64String(new byte[32])}:")))
            Assert.Equal("INVALID_ARGUMENT", await CodeOfAsync(wrong));
        Assert.Equal(0, Replica.Blobs.UsedBytes);
        using (HttpResponseMessage right = await UploadAsync([1], "text/plain", "x", change: r => r.Headers.Add("Repr-Digest", $"sha-256=:{Convert.ToBase64String(SHA256.HashData([1]))}:")))
            Assert.Equal(HttpStatusCode.Created, right.StatusCode);
        HttpStatusCode last = HttpStatusCode.Created;
        for (int i = 0; i < 4 && last == HttpStatusCode.Created; i++)
        {
            using HttpResponseMessage more = await UploadAsync(RandomNumberGenerator.GetBytes(UploadBytesMax), "text/plain", "x");
            last = more.StatusCode;
        }
        Assert.Equal(HttpStatusCode.InsufficientStorage, last);
        Assert.InRange(Replica.Blobs.UsedBytes, 1, QuotaBytes);
        JsonElement none = JsonSerializer.SerializeToElement(new Dictionary<string, object> { ["$blob"] = new { size = 1 } });
        await FailAsync("BAD_REQUEST", Queue, new { device, mutations = new[] { Mutation("a", "b", "c", none) } });
    }

    [Fact]
    public async Task What_is_not_all_here_says_so_and_comes_when_a_device_brings_it()
    {
        await using Device tablet = await EnrolAsync();
        byte[] content = RandomNumberGenerator.GetBytes(700_000);
        // A video: this server takes none unless somebody asks for it.
        Blob blob = await tablet.Replica.Blobs.PutAsync(new MemoryStream(content), "video/mp4", "night.mp4");
        await tablet.Replica.CommitAsync(tx => tx.Upsert(new EntityKey("incident", "photo", "1")).Set("file", blob));
        tablet.Token = await TokenAsync(Everything, "mia");
        var connection = await tablet.MeetAsync(Peers);
        using (HttpResponseMessage notYet = await GetAsync(blob.Root.ToString()))
        {
            Assert.Equal((HttpStatusCode.Conflict, "NOT_HERE"), (notYet.StatusCode, await CodeOfAsync(notYet)));
        }
        Assert.Equal("ON_DEMAND", (await AskAsync("{ blobs(standing: ON_DEMAND) { nodes { standing } } }")).GetProperty("blobs").GetProperty("nodes")[0]
            .GetProperty("standing").GetString());
        await Replica.Blobs.FetchAsync(blob).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        using (HttpResponseMessage here = await GetAsync(blob.Root.ToString())) Assert.Equal(content, await here.Content.ReadAsByteArrayAsync());
        await connection.CloseAsync();
        await Replica.Blobs.EvictAsync(blob.Root, evenIfLast: true);
        using HttpResponseMessage gone = await GetAsync(blob.Root.ToString(), r => r.Headers.Range = new RangeHeaderValue(0, 9));
        Assert.Equal(HttpStatusCode.Conflict, gone.StatusCode);
    }

    [Fact]
    public async Task What_is_here_of_one_that_is_still_coming_is_sent_and_for_the_rest_it_is_told_to_come_again()
    {
        await using Device tablet = await EnrolAsync();
        byte[] content = RandomNumberGenerator.GetBytes(20 * BlobTree.ChunkLengthBytes);
        Blob blob = await tablet.Replica.Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "wide.jpg");
        await tablet.Replica.CommitAsync(tx => tx.Upsert(new EntityKey("incident", "photo", "1")).Set("file", blob));
        tablet.Token = await TokenAsync(Everything, "mia");
        // Its budget for a connection ends with the first chunks.
        await tablet.MeetAsync(Peers);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (Replica.Blobs.Find(blob.Root) is not { BytesHere: >= BlobTree.ChunkLengthBytes }) await Task.Delay(10, patience.Token);
        string root = blob.Root.ToString();
        using (HttpResponseMessage beginning = await GetAsync(root, r => r.Headers.Range = new RangeHeaderValue(10, 99)))
        {
            Assert.Equal(HttpStatusCode.PartialContent, beginning.StatusCode);
            Assert.Equal(content[10..100], await beginning.Content.ReadAsByteArrayAsync());
        }
        foreach (RangeHeaderValue? range in (RangeHeaderValue?[])[null, new(0, null), new(null, 100), new(content.Length - 10, content.Length)])
        {
            using HttpResponseMessage rest = await GetAsync(root, r => r.Headers.Range = range);
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "NOT_HERE"), (rest.StatusCode, await CodeOfAsync(rest)));
            Assert.NotNull(rest.Headers.RetryAfter);
            Assert.Null(rest.Content.Headers.ContentRange);
        }
        await Replica.Blobs.FetchAsync(blob).AsTask().WaitAsync(patience.Token);
        using HttpResponseMessage all = await GetAsync(root);
        Assert.Equal(content, await all.Content.ReadAsByteArrayAsync());
    }

    private async Task<HttpResponseMessage> UploadAsync(byte[] content, string type, string name, string scope = Everything, Action<HttpRequestMessage>? change = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Address}/blobs?name={Uri.EscapeDataString(name)}") { Content = new ByteArrayContent(content) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(scope, "mia"));
        request.Headers.ExpectContinue = true;
        change?.Invoke(request);
        return await Http.SendAsync(request);
    }

    private async Task<JsonElement> UploadedAsync(byte[] content, string type, string name)
    {
        using HttpResponseMessage put = await UploadAsync(content, type, name);
        Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        return await JsonOfAsync(put);
    }

    private async Task<HttpResponseMessage> GetAsync(string root, Action<HttpRequestMessage>? change = null, string scope = Everything)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{Address}/blobs/{root}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(scope, "mia"));
        change?.Invoke(request);
        return await Http.SendAsync(request);
    }

    private async Task NameAsync(string domain, string type, string id, JsonElement value)
    {
        await AskAsync("mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }", new { d = new { id = device } });
        await AskAsync(Queue, new { device, mutations = new[] { Mutation(domain, type, id, value) } });
    }

    private static object Mutation(string domain, string type, string id, JsonElement file) =>
        new { domain, entity_type = type, entity_id = id, type = "CREATE", request_id = Guid.NewGuid(), payload = new { file } };

    private static async Task<JsonElement> JsonOfAsync(HttpResponseMessage response) => JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;

    private static async Task<string?> CodeOfAsync(HttpResponseMessage response) =>
        (await JsonOfAsync(response)).GetProperty("errors")[0].GetProperty("extensions").GetProperty("code").GetString();
}
