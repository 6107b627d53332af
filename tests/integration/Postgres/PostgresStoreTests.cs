using Crdt.Integration.Store;
using Crdt.Store;
using Crdt.Store.Postgres;
using Npgsql;

namespace Crdt.Integration.Postgres;

/// <summary>What PostgreSQL keeps beside what every store promises.</summary>
public sealed class PostgresStoreTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>, IDisposable
{
    private static readonly ReplicaId Ann = new(new Guid("0a000000-0000-4000-8000-000000000001"));
    private static readonly ReplicaId Bob = new(new Guid("0b000000-0000-4000-8000-000000000002"));

    private readonly string directory = Path.Combine(Path.GetTempPath(), $"crdt-imported-{Guid.NewGuid():N}");

    private readonly SpaceGenesis genesis = SpaceGenesis.Create(
        new ReplicaId(new Guid("0c000000-0000-4000-8000-000000000003")), "strikes", [], TimeProvider.System);

    public void Dispose()
    {
        if (Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task A_replica_is_open_in_one_process_and_free_when_that_has_closed_it_or_its_lease_has_ended()
    {
        string connection = await cluster.NewDatabaseAsync();
        PostgresReplicaStore first = await PostgresReplicaStore.CreateAsync(connection, Identity(Ann));
        Assert.Equal(StoreError.AlreadyExists, (await Assert.ThrowsAsync<StoreException>(() => PostgresReplicaStore.CreateAsync(connection, Identity(Ann)))).Error);
        Assert.Equal(StoreError.NotFound, (await Assert.ThrowsAsync<StoreException>(() => PostgresReplicaStore.OpenAsync(connection, genesis.Space, Bob))).Error);
        Assert.Equal(StoreError.InUse, (await Assert.ThrowsAsync<StoreException>(() => PostgresReplicaStore.OpenAsync(connection, genesis.Space, Ann))).Error);
        await first.DisposeAsync();
        await using (await PostgresReplicaStore.OpenAsync(connection, genesis.Space, Ann))
        {
            Assert.True(await PostgresReplicaStore.ExistsAsync(connection, genesis.Space, Ann));
            Assert.False(await PostgresReplicaStore.ExistsAsync(connection, genesis.Space, Bob));
        }
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task Who_was_taken_for_dead_writes_nothing_any_more()
    {
        string connection = await cluster.NewDatabaseAsync();
        var options = new PostgresStoreOptions { Holder = Guid.NewGuid() };
        await using PostgresReplicaStore old = await PostgresReplicaStore.CreateAsync(connection, Identity(Ann), options);
        await old.AppendAsync(new[] { Batch(1) }, isDurable: true, default);
        await using PostgresReplicaStore young = await PostgresReplicaStore.OpenAsync(connection, genesis.Space, Ann, options);
        StoreException error = await Assert.ThrowsAsync<StoreException>(async () => await old.AppendAsync(new[] { Batch(2) }, isDurable: true, default));
        Assert.Equal(StoreError.InUse, error.Error);
        Assert.Equal(StoreError.InUse, old.Fault!.Error);
        await Assert.ThrowsAsync<StoreException>(async () => await old.ProjectAsync(new ProjectionUpdate(old.LogEnd, default, []), default));
        await young.AppendAsync(new[] { Batch(2) }, isDurable: true, default);
        Assert.Equal([1L, 2L], young.ReadLog(default).Select(e => e.Entry.LastSequence));
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task A_database_that_was_cut_off_and_started_again_is_waited_for_and_has_everything_durable()
    {
        await using var own = new OwnCluster();
        await own.Cluster.InitializeAsync();
        string connection = await own.Cluster.NewDatabaseAsync();
        Replica replica = await OpenAsync(await PostgresReplicaStore.CreateAsync(connection, Identity(Ann)));
        long written = 0;
        for (int round = 0; round < 3; round++)
        {
            using var enough = new CancellationTokenSource();
            Task writing = Task.Run(async () =>
            {
                while (!enough.IsCancellationRequested)
                {
                    await replica.CommitAsync(tx => tx.Create(Key(written + 1)).Set("n", written + 1));
                    written++;
                }
            });
            await own.Cluster.CrashAsync();
            await enough.CancelAsync();
            await writing;
        }
        Assert.True(written > 0);
        await replica.DisposeAsync();
        replica = await OpenAsync(await PostgresReplicaStore.OpenAsync(connection, genesis.Space, Ann));
        for (long n = 1; n <= written; n++) Assert.Equal(n, replica.Get(Key(n))!.GetInteger("n"));
        Assert.Null(replica.Get(Key(written + 1)));
        await replica.DisposeAsync();
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task Documents_are_rows_that_SQL_finds_by_their_fields()
    {
        string connection = await cluster.NewDatabaseAsync();
        Replica replica = await OpenAsync(await PostgresReplicaStore.CreateAsync(connection, Identity(Ann)));
        for (int i = 0; i < 20; i++)
            await replica.CommitAsync(tx => tx.Create(Key(i)).Set("species", i % 2 == 0 ? "gull" : "owl").Set("height", i * 10).Set("at", DateTimeOffset.UnixEpoch.AddDays(i)));
        await replica.CommitAsync(tx => tx.Delete(Key(0)));
        await replica.FlushAsync();
        string[] found = await ReadAsync(connection, """
            select id from crdt_document where domain = 'incident' and type = 'strike' and document @> '{"species": "gull"}' and (document ->> 'height')::int > 100 order by key
            """);
        Assert.Equal(["12", "14", "16", "18"], found);
        Assert.Equal(["19"], await ReadAsync(connection,
            "select count(*)::text from crdt_document where domain = 'incident' and document is not null and updated_at > now() - interval '1 hour'"));
        await replica.DisposeAsync();
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task An_index_made_over_what_is_there_finds_the_same_as_reading_everything()
    {
        string connection = await cluster.NewDatabaseAsync();
        Replica replica = await OpenAsync(await PostgresReplicaStore.CreateAsync(connection, Identity(Ann)));
        Value[] values =
        [
            1, 2.5, (1L << 60) + 1, Math.Pow(2, 70), "gull", "owl\0", true, DateTimeOffset.UnixEpoch.AddMilliseconds(12_345), "1970-01-01T00:00:12.345Z",
            new byte[] { 1, 2 }, Value.ArrayOf("a", 1), Value.ObjectOf(KeyValuePair.Create("x", Value.From(1))), Value.Null,
        ];
        for (int i = 0; i < values.Length * 3; i++)
            await replica.CommitAsync(tx => tx.Create(Key(i)).Set("v", values[i % values.Length]).Set("inner", Value.ObjectOf(KeyValuePair.Create("v", values[i % values.Length]))));
        await replica.FlushAsync();
        foreach (FieldPath field in new FieldPath[] { "v", FieldPath.Of("inner", "v") })
        {
            string path = field.ToString().Replace('/', '.');
            string[] filters = [$"{path} = 1", $"{path} > 2", $"{path} >= 1152921504606846977", $"{path} LIKE 'gu%'", $"{path} = true", $"{path} < '1970-01-02'", $"{path} IN ('gull', 2.5)"];
            string[][] read = [.. filters.Select(f => Find(replica, f))];
            await replica.EnsureIndexAsync("incident", "strike", field);
            for (int i = 0; i < filters.Length; i++) Assert.Equal(read[i], Find(replica, filters[i]));
        }
        await replica.DisposeAsync();

        static string[] Find(Replica replica, string filter) =>
            [.. replica.Query("incident", "strike").Where(filter).Select(e => e.Key.Id).Order(StringComparer.Ordinal)];
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task A_replica_is_brought_from_its_files_and_goes_on_with_its_id_and_its_snapshots()
    {
        string connection = await cluster.NewDatabaseAsync();
        Replica replica = await OpenAsync(FileReplicaStore.Create(directory, Identity(Ann)));
        for (int i = 0; i < 50; i++) await replica.CommitAsync(tx => tx.Create(Key(i)).Set("n", i));
        await replica.TakeSnapshotAsync();
        for (int i = 50; i < 80; i++) await replica.CommitAsync(tx => tx.Create(Key(i)).Set("n", i));
        await replica.EnsureIndexAsync("incident", "strike", "n");
        StateDigest digest = (await replica.GetStatusAsync()).Digest;
        await replica.DisposeAsync();

        await using (FileReplicaStore files = FileReplicaStore.Open(directory))
        {
            PostgresReplicaStore store = await PostgresReplicaStore.ImportAsync(connection, files);
            Assert.Equal(files.ReadLog(default).Count(), store.ReadLog(default).Count());
            replica = await OpenAsync(store);
        }
        Assert.Equal(digest, (await replica.GetStatusAsync()).Digest);
        Assert.Equal(79, replica.Get(Key(79))!.GetInteger("n"));
        await replica.CommitAsync(tx => tx.Create(Key(80)).Set("n", 80));
        AuditReport audit = await replica.AuditAsync();
        Assert.Empty(audit.Unaccounted);
        Assert.Single(replica.Query("incident", "strike").Where("n = 80"));
        await replica.DisposeAsync();

        await using FileReplicaStore again = FileReplicaStore.Open(directory);
        Assert.Equal(StoreError.AlreadyExists, (await Assert.ThrowsAsync<StoreException>(() => PostgresReplicaStore.ImportAsync(connection, again))).Error);
    }

    [ComponentFact(PostgresCluster.Program)]
    public async Task What_no_replica_needs_any_more_goes_and_what_one_needs_stays()
    {
        string connection = await cluster.NewDatabaseAsync();
        await using PostgresReplicaStore ann = await PostgresReplicaStore.CreateAsync(connection, Identity(Ann));
        await using PostgresReplicaStore bob = await PostgresReplicaStore.CreateAsync(connection, Identity(Bob));
        for (int i = 1; i <= 20; i++)
        {
            await ann.AppendAsync(new[] { Batch(i) }, isDurable: true, default);
            if (i <= 10) await bob.AppendAsync(new[] { Batch(i) }, isDurable: true, default);
        }
        Assert.Equal(["20"], await CountAsync());
        await ann.ProjectAsync(new ProjectionUpdate(ann.LogEnd, default, []), default);
        await bob.ProjectAsync(new ProjectionUpdate(bob.LogEnd, default, []), default);
        await ann.PruneAsync(new LogPosition(15), default);
        Assert.Equal(["20"], await CountAsync());
        Assert.Equal(10, bob.ReadLog(default).Count());
        await bob.PruneAsync(new LogPosition(10), default);
        Assert.Equal(["5"], await CountAsync());
        Assert.Equal([16L, 17L, 18L, 19L, 20L], ann.ReadLog(default).Select(e => e.Entry.LastSequence));
        // Who comes with it again brings it again.
        await bob.AppendAsync(new[] { Batch(3) }, isDurable: true, default);
        Assert.Equal(3, bob.ReadLog(default).Single().Entry.LastSequence);

        Task<string[]> CountAsync() => ReadAsync(connection, "select count(*)::text from crdt_entry");
    }

    private static LogEntry Batch(long sequence) => new(LogEntryKind.Batch, Ann, sequence, sequence, BitConverter.GetBytes(sequence));

    private static EntityKey Key(long n) => new("incident", "strike", $"{n}");

    private static async Task<string[]> ReadAsync(string connection, string sql)
    {
        await using var database = new NpgsqlConnection(connection);
        await database.OpenAsync();
        await using var command = new NpgsqlCommand(sql, database);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync()) rows.Add(reader.GetString(0));
        return [.. rows];
    }

    private ReplicaIdentity Identity(ReplicaId id) => new(genesis.Space, id, ReplicaRole.Server);

    private async Task<Replica> OpenAsync(IReplicaStore store) => await Replica.OpenAsync(
        store, new ReplicaOptions { Time = TimeProvider.System, Genesis = genesis, ProjectedEntitiesPerUpdate = 16 });

    private sealed class OwnCluster : IAsyncDisposable
    {
        public PostgresCluster Cluster { get; } = new();

        public async ValueTask DisposeAsync() => await Cluster.DisposeAsync();
    }
}
