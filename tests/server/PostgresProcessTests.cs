using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Crdt.Integration.Discovery;
using Crdt.Integration.Docs;
using Crdt.Integration.Postgres;
using Crdt.Store;

namespace Crdt.Server.Tests;

/// <summary>Two <c>crdt serve --http --postgres</c> on one database, killed in turns while a thin client writes to whichever
/// answers.</summary>
public sealed class PostgresProcessTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>, IDisposable
{
    private const int Kills = 3, MutationsPerKill = 15;

    private const string Queue = "mutation($device: UUID!, $m: [MutationInput!]!) { queueMutations(device: $device, mutations: $m) { mutation { status } } }";
    private const string Entities = """{ entities(domain: "a", entityType: "x", first: 100) { nodes { entity_id } } }""";

    private static readonly HttpClient Client = new();
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly string directory = Path.Combine(Path.GetTempPath(), "crdt-serve-postgres-" + Guid.NewGuid().ToString("N"));

    private static string Tool => Path.Combine(
        RepositoryRoot.Path, "src", "Crdt.Cli", "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0", "crdt.dll");

    public void Dispose()
    {
        if (Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task Servers_on_one_database_that_are_killed_in_turns_lose_nothing_that_a_thin_client_was_told()
    {
        string connection = await cluster.NewDatabaseAsync();
        await FoundAsync();
        var servers = new Server[2];
        for (int s = 0; s < servers.Length; s++) servers[s] = await ServeAsync(DataOf(s), connection);
        var device = Guid.NewGuid();
        await AskAsync(servers[0], "mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }", new { d = new { id = device } });
        await UntilAsync(async () => (await TryAskAsync(servers[1], $$"""{ device(id: "{{device}}") { state } }""", null))?.Contains("ACTIVE", StringComparison.Ordinal) ?? false);
        var told = new SortedSet<int>();
        int next = 0;
        for (int kill = 0; kill < Kills; kill++)
        {
            int victim = kill % servers.Length;
            for (int i = 0; i < MutationsPerKill; i++)
            {
                int entity = next++;
                object m = new { request_id = Guid.NewGuid(), type = "CREATE", domain = "a", entity_type = "x", entity_id = $"{entity:D3}", payload = new { n = entity } };
                // It dies while it is at work.
                Task<string?> asking = TryAskAsync(servers[entity % 2], Queue, new { device, m = new[] { m } });
                if (i == MutationsPerKill - 1) servers[victim].Lines.Kill();
                if ((await asking)?.Contains("SYNCED", StringComparison.Ordinal) ?? false) told.Add(entity);
            }
            await servers[victim].Lines.DisposeAsync();
            // Whoever is left has all of it, before the other one comes back.
            await UntilAsync(async () => told.IsSubsetOf(await ListAsync(servers[1 - victim])));
            servers[victim] = await ServeAsync(DataOf(victim), connection);
        }
        Assert.InRange(told.Count, Kills * (MutationsPerKill - 2), Kills * MutationsPerKill);
        foreach (Server server in servers)
        {
            await UntilAsync(async () => told.IsSubsetOf(await ListAsync(server)));
            await server.Lines.StopAsync();
            await server.Lines.DisposeAsync();
        }
    }

    private string DataOf(int server) => Path.Combine(directory, $"server{server}");

    // The second directory as 'crdt join' leaves it.
    private async Task FoundAsync()
    {
        (int exitCode, _, string error) = await Component.RunAsync("dotnet", Tool, "-d", DataOf(0), "init", "--space", "field");
        Assert.True(exitCode == 0, error);
        byte[] founding = await File.ReadAllBytesAsync(Path.Combine(DataOf(0), "invite.crdt"));
        var genesis = SpaceGenesis.FromBytes(founding);
        Directory.CreateDirectory(DataOf(1));
        await File.WriteAllBytesAsync(Path.Combine(DataOf(1), "invite.crdt"), founding);
        var id = new ReplicaId(Guid.NewGuid());
        using EcdsaNodeKey first = NodeKeyFile.Open(NodeKeyFile.PathIn(DataOf(0))), second = NodeKeyFile.Create(NodeKeyFile.PathIn(DataOf(1))),
            authority = NodeKeyFile.Open(NodeKeyFile.AuthorityPathIn(DataOf(0)));
        await using (Replica replica = await Replica.OpenAsync(
            FileReplicaStore.Open(DataOf(0)), new ReplicaOptions { Time = TimeProvider.System, Key = first, Genesis = genesis, ReleaseRecord = new FileReleaseRecord(DataOf(0) + ".released") }))
        {
            await replica.EnrolAsync(Enrolment.Issue(authority, genesis.Space, id, second.PublicKey, ReplicaRole.Server));
        }
        await using Replica other = await Replica.OpenAsync(
            FileReplicaStore.Create(DataOf(1), new ReplicaIdentity(genesis.Space, id, ReplicaRole.Server)),
            new ReplicaOptions { Time = TimeProvider.System, Key = second, Genesis = genesis });
    }

    private static async Task<Server> ServeAsync(string data, string connection)
    {
        // By the environment, as where there is a password in it.
        var lines = Lines.Start(
            ["dotnet", Tool, "-d", data, "serve", "--http", "127.0.0.1:0", "--dev", "--no-discovery"],
            new Dictionary<string, string> { ["CRDT_POSTGRES"] = connection });
        string address = (await lines.WaitAsync(l => l.StartsWith("http http", StringComparison.Ordinal), "it answers"))["http ".Length..];
        using HttpResponseMessage response = await Client.PostAsync(address + "/connect/token", new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = "dev",
            ["client_secret"] = await File.ReadAllTextAsync(Path.Combine(data, "keys", "dev-client.secret")),
        }));
        return new Server(lines, address, (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("access_token").GetString()!);
    }

    private static async Task<string> AskAsync(Server server, string query, object? variables)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, server.Address + "/graphql") { Content = JsonContent.Create(new { query, variables }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", server.Token);
        using HttpResponseMessage response = await Client.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }

    private static async Task<string?> TryAskAsync(Server server, string query, object? variables)
    {
        try
        {
            return await AskAsync(server, query, variables);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static async Task<HashSet<int>> ListAsync(Server server)
    {
        using var answer = JsonDocument.Parse(await AskAsync(server, Entities, null));
        return [.. answer.RootElement.GetProperty("data").GetProperty("entities").GetProperty("nodes").EnumerateArray()
            .Select(n => int.Parse(n.GetProperty("entity_id").GetString()!, System.Globalization.CultureInfo.InvariantCulture))];
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await holds()) await Task.Delay(50, patience.Token);
    }

    private sealed record Server(Lines Lines, string Address, string Token);
}
