using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Crdt.Integration.Discovery;
using Crdt.Integration.Docs;

namespace Crdt.Server.Tests;

/// <summary><c>crdt serve --http</c> as processes: started by the tool, stopped and killed.</summary>
public sealed class ProcessTests : IDisposable
{
    private const string Queue = """
        mutation($device: UUID!, $m: [MutationInput!]!) { queueMutations(device: $device, mutations: $m) { is_repeated mutation { status } } }
        """;

    private static readonly HttpClient Client = new();

    private readonly string data = Path.Combine(Path.GetTempPath(), "crdt-serve-" + Guid.NewGuid().ToString("N"));
    private readonly Guid device = Guid.NewGuid();

    private static string Tool => Path.Combine(
        RepositoryRoot.Path, "src", "Crdt.Cli", "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0", "crdt.dll");

    public void Dispose()
    {
        if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
    }

    [Fact]
    public async Task The_tool_starts_it_it_stops_when_asked_and_loses_nothing_when_killed()
    {
        (int exitCode, _, string error) = await Component.RunAsync("dotnet", Tool, "-d", data, "init", "--space", "field");
        Assert.True(exitCode == 0, error);
        Guid first = Guid.NewGuid(), second = Guid.NewGuid();
        await using (Lines server = Serve())
        {
            string address = await AddressAsync(server), token = await TokenAsync(address);
            await AskAsync(address, token, "mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }", new { d = new { id = device } });
            Assert.Contains("\"is_repeated\":false", await AskAsync(address, token, Queue, new { device, m = new[] { Input(first, "1") } }));
            Assert.Contains("SYNCED", await AskAsync(address, token, Queue, new { device, m = new[] { Input(second, "2") } }));
            await server.StopAsync();
        }
        await using (Lines server = Serve())
        {
            string address = await AddressAsync(server), token = await TokenAsync(address);
            Assert.Contains("\"is_repeated\":true", await AskAsync(address, token, Queue, new { device, m = new[] { Input(first, "1") } }));
            await AskAsync(address, token, Queue, new { device, m = new[] { Input(Guid.NewGuid(), "3") } });
            KillChildren();
        }
        await using (Lines server = Serve())
        {
            string address = await AddressAsync(server), token = await TokenAsync(address);
            string all = await AskAsync(address, token, """{ entities(domain: "a", entityType: "x") { nodes { entity_id } } }""", null);
            Assert.Contains("""[{"entity_id":"1"},{"entity_id":"2"},{"entity_id":"3"}]""", all);
            await server.StopAsync();
        }
    }

    [Fact]
    public async Task What_cannot_be_served_is_told_in_a_line()
    {
        (int exitCode, _, string error) = await Component.RunAsync("dotnet", Tool, "-d", data, "serve", "--http", "127.0.0.1:0");
        Assert.True(exitCode != 0 && error.Contains("no replica", StringComparison.Ordinal), error);
        (exitCode, _, error) = await Component.RunAsync("dotnet", Tool, "-d", data, "serve", "--dev");
        Assert.True(exitCode == 2 && error.Contains("--http", StringComparison.Ordinal), error);
        (exitCode, _, error) = await Component.RunAsync("dotnet", Tool, "-d", data, "serve", "--postgres", "Host=127.0.0.1");
        Assert.True(exitCode == 2 && error.Contains("--http", StringComparison.Ordinal), error);
        await Component.RunAsync("dotnet", Tool, "-d", data, "init", "--space", "field");
        (exitCode, _, error) = await Component.RunAsync("dotnet", Tool, "-d", data, "serve", "--http", "0.0.0.0:0", "--dev");
        Assert.True(exitCode != 0 && error.Contains("only on this machine", StringComparison.Ordinal), error);
    }

    private static object Input(Guid request, string id) =>
        new { request_id = request, type = "CREATE", domain = "a", entity_type = "x", entity_id = id, payload = new { n = 1 } };

    private static async Task<string> AddressAsync(Lines server) =>
        (await server.WaitAsync(l => l.StartsWith("http http", StringComparison.Ordinal), "it answers"))["http ".Length..];

    private static async Task<string> AskAsync(string address, string token, string query, object? variables)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address + "/graphql") { Content = JsonContent.Create(new { query, variables }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await Client.SendAsync(request);
        string body = await response.Content.ReadAsStringAsync();
        Assert.DoesNotContain("\"errors\"", body);
        return body;
    }

    private Lines Serve() => Lines.Start(["dotnet", Tool, "-d", data, "serve", "--http", "127.0.0.1:0", "--dev", "--no-discovery"]);

    private void KillChildren()
    {
        foreach (Process process in Process.GetProcessesByName("dotnet"))
        {
            using (process)
            {
                string line = File.Exists($"/proc/{process.Id}/cmdline") ? File.ReadAllText($"/proc/{process.Id}/cmdline") : "";
                if (line.Contains("crdt-server.dll", StringComparison.Ordinal) && line.Contains(data, StringComparison.Ordinal)) process.Kill();
            }
        }
    }

    private async Task<string> TokenAsync(string address)
    {
        using HttpResponseMessage response = await Client.PostAsync(address + "/connect/token", new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = "dev",
            ["client_secret"] = await File.ReadAllTextAsync(Path.Combine(data, "keys", "dev-client.secret")),
        }));
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("access_token").GetString()!;
    }
}
