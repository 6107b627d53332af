using System.Diagnostics;
using System.Globalization;
using Crdt.Store.Postgres;
using Npgsql;

namespace Crdt.Bench.Quick;

/// <summary>What a space of many devices costs on PostgreSQL: taking their work, what it takes on the disk for each, a commit's
/// way there and to another process.</summary>
internal static class PostgresRun
{
    private const int MutationsPerDevice = 20, EntitiesPerDevice = 5, RunsAtOnce = 256, Commits = 300, EntitiesPerUpdate = 4_096;

    private static readonly SpaceGenesis Genesis = SpaceGenesis.Create(
        new ReplicaId(new Guid("5c000000-0000-4000-8000-000000000001")), "scale", [], TimeProvider.System);

    /// <param name="connection">An empty database.</param>
    /// <param name="devices">How many devices there are.</param>
    public static async Task RunAsync(string connection, int devices)
    {
        Console.WriteLine($"{devices} devices of {MutationsPerDevice} mutations in {MutationsPerDevice / EntitiesPerDevice} transactions, about {EntitiesPerDevice} entities of 4 fields");
        BatchRun[] work = await MakeAsync(devices);
        Console.WriteLine($"  their batches and heads: {work.Sum(r => r.Head.Length + r.Batches.Sum(b => (long)b.Length)) / devices} bytes a device");
        (Replica replica, PostgresReplicaStore store, PostgresFeed feed) = await OpenAsync(connection, 1);
        long since = Stopwatch.GetTimestamp();
        await ApplyAsync(replica, work);
        Tell("taken, durable", Stopwatch.GetElapsedTime(since), devices * MutationsPerDevice, devices);
        await replica.FlushAsync();
        Tell("taken, and every entity in the projection", Stopwatch.GetElapsedTime(since), devices * MutationsPerDevice, devices);
        await SizesAsync(connection, devices);
        await CommitAsync(replica, 1);
        await CommitAsync(replica, 16);
        await CommitAsync(replica, 256);

        since = Stopwatch.GetTimestamp();
        (Replica second, PostgresReplicaStore other, PostgresFeed otherFeed) = await OpenAsync(connection, 2);
        while (second.Vector.Sum(d => d.Sequence) < replica.Vector.Sum(d => d.Sequence)) await Task.Delay(10);
        Tell("a second process takes all of it out of the database", Stopwatch.GetElapsedTime(since), devices * MutationsPerDevice, devices);
        await second.FlushAsync();
        await SizesAsync(connection, devices);
        var lags = new List<double>();
        for (int i = 0; i < Commits; i++)
        {
            var key = new EntityKey("lag", "probe", $"{i}");
            await replica.CommitAsync(tx => tx.Create(key).Set("n", i));
            long committed = Stopwatch.GetTimestamp();
            while (second.Get(key) is null) await Task.Delay(1);
            lags.Add(Stopwatch.GetElapsedTime(committed).TotalMilliseconds);
        }
        lags.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  from a commit to the other process: p50 {lags[Commits / 2]:F0} ms, p99 {lags[Commits * 99 / 100]:F0} ms"));
        await feed.DisposeAsync();
        await otherFeed.DisposeAsync();
        await second.DisposeAsync();
        await replica.DisposeAsync();
        since = Stopwatch.GetTimestamp();
        (replica, store, feed) = await OpenAsync(connection, 1);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  opened again in {Stopwatch.GetElapsedTime(since).TotalMilliseconds:F0} ms"));
        await feed.DisposeAsync();
        await replica.DisposeAsync();
        Figures.Write();
    }

    private static async Task<(Replica Replica, PostgresReplicaStore Store, PostgresFeed Feed)> OpenAsync(string connection, int number)
    {
        var id = new ReplicaId(new Guid(number, 0x5c, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, 1]));
        PostgresReplicaStore store = await PostgresReplicaStore.ExistsAsync(connection, Genesis.Space, id)
            ? await PostgresReplicaStore.OpenAsync(connection, Genesis.Space, id)
            : await PostgresReplicaStore.CreateAsync(connection, new ReplicaIdentity(Genesis.Space, id, ReplicaRole.Server));
        Replica replica = await Replica.OpenAsync(store, new ReplicaOptions
        {
            Time = TimeProvider.System,
            Genesis = Genesis,
            ClosesEachRun = true,
            ProjectedEntitiesPerUpdate = EntitiesPerUpdate,
        });
        return (replica, store, PostgresFeed.Start(store, replica));
    }

    /// <summary>What the devices have written, each by itself, as they would send it.</summary>
    private static async Task<BatchRun[]> MakeAsync(int devices)
    {
        var runs = new BatchRun[devices];
        for (int d = 0; d < devices; d++)
        {
            var id = new ReplicaId(new Guid(d + 1, 0x5d, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, 2]));
            var store = new MemoryReplicaStore(new ReplicaIdentity(Genesis.Space, id, ReplicaRole.Client));
            await using Replica device = await Replica.OpenAsync(
                store, new ReplicaOptions { Time = TimeProvider.System, Genesis = Genesis, ClosesEachRun = false });
            EntityKey[] entities = [.. Enumerable.Range(0, EntitiesPerDevice).Select(_ => new EntityKey("survey", "report", Guid.NewGuid().ToString()))];
            for (int b = 0; b < MutationsPerDevice / EntitiesPerDevice; b++)
            {
                await device.CommitAsync(tx =>
                {
                    foreach (EntityKey entity in entities)
                    {
                        if (b > 0) tx.Update(entity).Set("height", b);
                        else tx.Create(entity).Set("species", "gull").Set("height", d % 500).Set("at", DateTimeOffset.UnixEpoch.AddSeconds(d)).Set("note", "seen over the river, flying north");
                    }
                }, "ann");
            }
            await device.CloseRunAsync(default);
            LogEntry[] own = [.. store.ReadLog(default).Select(e => e.Entry).Where(e => e.Author == id && e.Kind is LogEntryKind.Batch or LogEntryKind.Head)];
            runs[d] = new BatchRun(id, 1, [.. own.Where(e => e.Kind == LogEntryKind.Batch).Select(e => e.Payload)], own[^1].LastSequence, own.Last(e => e.Kind == LogEntryKind.Head).Payload);
        }
        return runs;
    }

    private static async Task ApplyAsync(Replica replica, BatchRun[] work)
    {
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, RunsAtOnce).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref next) is int at && at < work.Length) await replica.ApplyAsync(work[at], default);
        })));
    }

    private static async Task CommitAsync(Replica replica, int callers)
    {
        var times = new System.Collections.Concurrent.ConcurrentBag<double>();
        int count = Commits * Math.Min(callers, 32);
        long since = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(c => Task.Run(async () =>
        {
            for (int i = 0; i < count / callers; i++)
            {
                long begun = Stopwatch.GetTimestamp();
                await replica.CommitAsync(tx => tx.Create(new EntityKey("commit", "made", $"{callers}-{c}-{i}")).Set("n", i));
                times.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }
        })));
        double[] sorted = [.. times.Order()];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {callers} at a time commit {sorted.Length / Stopwatch.GetElapsedTime(since).TotalSeconds:F0}/s, p50 {sorted[sorted.Length / 2]:F1} ms, p99 {sorted[sorted.Length * 99 / 100]:F1} ms"));
        Figures.Add($"PostgreSQL, {callers} at a time", "ms", sorted);
    }

    private static void Tell(string what, TimeSpan time, int mutations, int devices) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"  {what}: {time.TotalSeconds:F1} s, {mutations / time.TotalSeconds:F0} mutations/s, {devices / time.TotalSeconds:F0} devices/s"));

    private static async Task SizesAsync(string connection, int devices)
    {
        await using var database = new NpgsqlConnection(connection);
        await database.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            select relname, pg_table_size(c.oid), pg_indexes_size(c.oid) from pg_class c
            where relkind = 'r' and relname like 'crdt_%' and pg_total_relation_size(c.oid) > 100000 order by pg_total_relation_size(c.oid) desc
            """, database);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        long all = 0;
        while (await reader.ReadAsync())
        {
            all += reader.GetInt64(1) + reader.GetInt64(2);
            Console.WriteLine($"    {reader.GetString(0),-16} {reader.GetInt64(1) / devices,7} bytes a device, indexes {reader.GetInt64(2) / devices,7}");
        }
        Console.WriteLine($"    {"together",-16} {all / devices,7}");
    }
}
