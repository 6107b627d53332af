using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Crdt.Integration.Discovery;
using Crdt.Server.DevIssuer;

namespace Crdt.Server.Tests;

public sealed class DashboardTests : ServerTest
{
    private static readonly HttpClient Client = new();

    protected override string[] IssuerArguments => ["--dev"];

    protected override string[] Arguments => ["--listen", "127.0.0.1:0", "--Crdt:AuditInterval=00:00:00.200"];

    protected override async Task<string> TokenAsync(string scope, string subject)
    {
        using HttpResponseMessage response = await Client.PostAsync(Address + "/connect/token", new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = DevIssuerSetup.ProgramClient,
            ["client_secret"] = DevIssuerSetup.SecretIn(Data),
            ["scope"] = scope,
        }));
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("access_token").GetString()!;
    }

    [ComponentFact("node", "npm", "chromium")]
    public async Task In_a_real_browser_a_person_sees_decides_and_is_told()
    {
        await ContestAsync("a/x/1", "name", "one", "two");
        await ContestAsync("a/x/2", "place", Value.ParseJson("""{"lat":1}"""), Value.ParseJson("""{"lon":2}"""));
        byte[] dot = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");
        Blob picture = await Replica.Blobs.PutAsync(new MemoryStream(dot), "image/png", "dot.png");
        Blob page = await Replica.Blobs.PutAsync(new MemoryStream("<script>document.title='ran'</script>"u8.ToArray()), "text/html", "page.html");
        await WriteAsync("a/x/7", e => e.Set("photo", picture).Set(FieldPath.Parse("report/page"), page));
        // A device whose clock is wrong, and whose user may not write everywhere.
        await AskAsync("mutation { setGrant(user: \"dora\", scopes: [\"offline:write:b\"]) { user } }");
        await using (Device device = await EnrolAsync(new Ahead(TimeSpan.FromMinutes(10))))
        {
            for (int i = 8; i <= 9; i++) await device.Replica.CommitAsync(tx => tx.Create(new EntityKey("a", "x", $"{i}")).Set("name", "wrong"), "dora");
            await (await device.MeetAsync(Peers)).CloseAsync();
        }
        await using Device tablet = await EnrolAsync(); // stays connected
        await tablet.MeetAsync(Peers);
        string[] arguments = [Path.Combine(await NodePackages.DirectoryAsync(), "dashboard.mjs"), Address, Chromium];
        string? pictures = Environment.GetEnvironmentVariable("CRDT_PICTURES");
        using Process process = Process.Start(new ProcessStartInfo("node", pictures is null ? arguments : [.. arguments, pictures])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await using var lines = new Lines(process);
        await lines.WaitAsync(l => l == "contest", "the inbox is open");
        await ContestAsync("a/x/3", "name", "late", "<img src=x onerror=alert(1)>");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await process.WaitForExitAsync(patience.Token);
        if (process.ExitCode != 0) await lines.WaitAsync(l => l == "never", "it said what was wrong");
        Assert.Equal("one", Replica.Get(EntityKey.Parse("a/x/1"))!.GetString("name"));
        Assert.Equal("""{"lat":1,"lon":2}""", Replica.Get(EntityKey.Parse("a/x/2"))!["place"]!.Value.ToJson());
        Assert.Equal("edited", Replica.Get(EntityKey.Parse("a/x/3"))!.GetString("name"));
        Assert.Equal("mended", Replica.Get(EntityKey.Parse("a/x/8"))!.GetString("name"));
        Assert.Equal("dan", Replica.Refusals().Single().Assignee);
        Assert.Equal("cleo", Replica.Mutations(new MutationFilter { Kind = MutationKind.Resolve }).Select(m => m.Mutation.User).Distinct().Single());
    }

    [Fact]
    public async Task Its_files_come_from_this_host_alone_and_run_nothing_else()
    {
        foreach (string file in (string[])["/", "/app.css", "/app.js", "/api.js", "/dom.js"])
        {
            using HttpResponseMessage response = await Client.GetAsync(Address + file);
            response.EnsureSuccessStatusCode();
            Assert.Contains("default-src 'none'; script-src 'self'", response.Headers.GetValues("Content-Security-Policy").Single());
            Assert.DoesNotContain("://", (await response.Content.ReadAsStringAsync()).Replace("://${location.host}", "", StringComparison.Ordinal));
            using var again = new HttpRequestMessage(HttpMethod.Get, Address + file);
            again.Headers.TryAddWithoutValidation("If-None-Match", response.Headers.ETag!.ToString());
            using HttpResponseMessage unchanged = await Client.SendAsync(again);
            Assert.Equal(System.Net.HttpStatusCode.NotModified, unchanged.StatusCode);
        }
    }

    private sealed class Ahead(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }

    private static string Chromium => ((string[])["/usr/bin/chromium", "/usr/bin/chromium-browser"]).FirstOrDefault(File.Exists) ?? "chromium";
}
