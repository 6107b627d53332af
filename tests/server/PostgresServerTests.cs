using Crdt.Integration.Postgres;
using Crdt.Server.Hosting;
using Crdt.Store;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Crdt.Server.Tests;

/// <summary>Servers whose replicas are in a PostgreSQL database.</summary>
public sealed class PostgresServerTests(PostgresCluster cluster) : ServerTest, IClassFixture<PostgresCluster>
{
    private const string Queue = "mutation($device: UUID!, $m: [MutationInput!]!) { queueMutations(device: $device, mutations: $m) { mutation { status } } }";
    private const string Entities = """{ entities(domain: "a", entityType: "x") { nodes { entity_id } } }""";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly string connection = cluster.NewDatabaseAsync().GetAwaiter().GetResult();

    protected override string[] Arguments => ["--postgres", connection];

    [ComponentFact(PostgresCluster.Program)]
    public async Task GraphQL_over_PostgreSQL_writes_and_reads_and_goes_on_after_a_restart()
    {
        var device = Guid.NewGuid();
        await AskAsync("mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }", new { d = new { id = device } });
        Assert.Contains("SYNCED", (await AskAsync(Queue, new { device, m = new[] { Input("1"), Input("2") } })).ToString());
        await StopAsync();
        await StartAsync();
        Assert.Contains("SYNCED", (await AskAsync(Queue, new { device, m = new[] { Input("3") } })).ToString());
        Assert.Equal(["1", "2", "3"], await ListAsync());
        await Replica.FlushAsync();
        Assert.Equal("3", await ScalarAsync("""select count(*)::text from crdt_document where domain = 'a' and document @> '{"n": 7}'"""));
        Assert.False(FileReplicaStore.Exists(Data));

        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            await StopAsync();
            try
            {
                await using WebApplication files = await CrdtServer.CreateAsync(["--data", Data, "--http", "http://127.0.0.1:0"]);
            }
            finally
            {
                await StartAsync();
            }
        });
        Assert.Contains("--postgres", error.Message, StringComparison.Ordinal);
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task A_second_server_on_the_database_has_what_the_first_takes_and_its_files_are_moved_there()
    {
        string second = Data + "-second";
        await FoundSecondAsync(second);
        await using WebApplication other = await CrdtServer.CreateAsync(
            ["--data", second, "--http", "http://127.0.0.1:0", .. IssuerArguments, .. Arguments, "--Logging:LogLevel:Default=Warning"]);
        await other.StartAsync();
        Replica theirs = other.Services.GetRequiredService<ServerSpace>().Replica;
        var device = Guid.NewGuid();
        await AskAsync("mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }", new { d = new { id = device } });
        await AskAsync(Queue, new { device, m = new[] { Input("1") } });
        await UntilAsync(() => theirs.Get(new EntityKey("a", "x", "1")) is not null, Patience);
        await theirs.CommitAsync(tx => tx.Create(new EntityKey("a", "x", "2")).Set("n", 7));
        await UntilAsync(() => Replica.Get(new EntityKey("a", "x", "2")) is not null, Patience);
        Assert.Equal(["1", "2"], await ListAsync());
        Assert.True(Directory.Exists(Path.Combine(second, "log.moved")));
        Assert.Equal("2", await ScalarAsync("select count(*)::text from crdt_member"));
        await other.StopAsync();
    }

    // As 'crdt join' leaves it: a key, the space's founding, a replica that is enrolled and has met its space.
    private async Task FoundSecondAsync(string data)
    {
        Directory.CreateDirectory(data);
        byte[] founding = await File.ReadAllBytesAsync(Path.Combine(Data, "invite.crdt"));
        await File.WriteAllBytesAsync(Path.Combine(data, "invite.crdt"), founding);
        var genesis = SpaceGenesis.FromBytes(founding);
        var id = new ReplicaId(Guid.NewGuid());
        using EcdsaNodeKey key = NodeKeyFile.Create(NodeKeyFile.PathIn(data), null), authority = NodeKeyFile.Open(NodeKeyFile.AuthorityPathIn(Data), null);
        await Replica.EnrolAsync(Enrolment.Issue(authority, genesis.Space, id, key.PublicKey, ReplicaRole.Server));
        await using Replica replica = await Replica.OpenAsync(
            FileReplicaStore.Create(data, new ReplicaIdentity(genesis.Space, id, ReplicaRole.Server)),
            new ReplicaOptions { Time = TimeProvider.System, Key = key, Genesis = genesis });
    }

    private static object Input(string id) =>
        new { request_id = Guid.NewGuid(), type = "CREATE", domain = "a", entity_type = "x", entity_id = id, payload = new { n = 7 } };

    private async Task<string[]> ListAsync() =>
        [.. (await AskAsync(Entities)).GetProperty("entities").GetProperty("nodes").EnumerateArray().Select(n => n.GetProperty("entity_id").GetString()!)];

    private async Task<string?> ScalarAsync(string sql)
    {
        await using var database = new NpgsqlConnection(connection);
        await database.OpenAsync();
        await using var command = new NpgsqlCommand(sql, database);
        return (string?)await command.ExecuteScalarAsync();
    }
}
