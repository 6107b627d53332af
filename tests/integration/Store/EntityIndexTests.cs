using Crdt.Store;
using Crdt.Store.LiteDb;

namespace Crdt.Integration.Store;

/// <summary>Queries by index over real files.</summary>
public sealed class EntityIndexTests : IDisposable
{
    private static readonly string[] Conditions =
    [
        "v = 3", "v > 4", "v >= 2 AND v < 6", "v LIKE 'b%'", "v = 1 OR w = 'c'", "v IS NULL", "NOT v = 3", "v != 5 AND w > 'a'",
        "v < '2025-01-01'", "v = 'x'", "v > 1e300", "v = 9223372036854775807", "v <= -5", "w LIKE 'long%' AND v > 0", "v = true",
        "v IN (1, 'x', null)", "w BETWEEN 'a' AND 'm'", "inner.depth > 3",
    ];

    private readonly string directory = Path.Combine(Path.GetTempPath(), $"crdt-index-{Guid.NewGuid():N}");

    private readonly SpaceGenesis genesis = SpaceGenesis.Create(
        new ReplicaId(new Guid("0c000000-0000-4000-8000-000000000003")), "strikes", [], TimeProvider.System);

    public void Dispose()
    {
        if (Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task An_index_finds_and_sorts_whatever_values_peers_write(int seed)
    {
        var random = new Random(seed);
        Replica replica = await OpenAsync(FileReplicaStore.Create(directory, Identity()));
        for (int i = 0; i < 300; i++) await ChangeAsync(replica, random);
        await replica.FlushAsync();
        await replica.EnsureIndexAsync("d", "t", "v");
        await replica.EnsureIndexAsync("d", "t", "w");
        await replica.EnsureIndexAsync("d", "t", FieldPath.Of("inner", "depth"));
        for (int round = 0; round < 40; round++)
        {
            await ChangeAsync(replica, random);
            if (round == 20)
            {
                await replica.DisposeAsync();
                replica = await OpenAsync(FileReplicaStore.Open(directory));
                Assert.Equal(3, replica.Indexes.Count);
            }
            foreach (string condition in Conditions) Compare(replica, condition, random);
        }
        Assert.Null(replica.ProjectionError);
        await replica.DisposeAsync();
        StoreReport report = await StoreDoctor.CheckAsync(directory, Checking());
        Assert.Empty(report.Findings);
    }

    [Fact]
    public async Task LiteDB_reads_the_index_and_no_document()
    {
        await using ReplicaAndStore opened = await CreateAsync();
        await FillAsync(opened.Replica, 200);
        await opened.Replica.EnsureIndexAsync("d", "t", "v");
        var index = new EntityIndex("d", "t", "v");
        string plan = opened.Store.Projection.Explain(index, EntityFilter.Parse("v = 7"));
        Assert.Contains("INDEX RANGE SCAN(_ix1", plan, StringComparison.Ordinal);
        Assert.Contains("\"loader\":\"index\"", plan, StringComparison.Ordinal);

        EntityQuery sevens = opened.Replica.Query("d", "t").Where("v = 7 AND w != 'none'");
        Assert.Equal([index], sevens.Explain().Indexes);
        Assert.Equal(["0007", "0107"], sevens.Select(e => e.Key.Id));
        Assert.Empty(opened.Replica.Query("d", "t").Where("w = 'x'").Explain().Indexes);
        Assert.Empty(opened.Replica.Query("d", "t").Where("v = 7 OR w = 'x'").Explain().Indexes);
        Assert.True(opened.Replica.Query("d", "t").OrderBy("v").Limit(3).Explain().IsSortedByIndex);
    }

    [Fact]
    public async Task Who_commits_finds_it_at_once_also_beside_the_projection()
    {
        await using ReplicaAndStore opened = await CreateAsync();
        Replica replica = opened.Replica;
        await FillAsync(replica, 500);
        await replica.EnsureIndexAsync("d", "t", "v");
        using var stop = new CancellationTokenSource();
        Task flushing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested) await replica.FlushAsync();
        });
        await Parallel.ForEachAsync(Enumerable.Range(0, 4), async (worker, cancellation) =>
        {
            for (int i = 0; i < 60; i++)
            {
                EntityKey key = Key((worker * 100) + (i % 90));
                int value = 1_000 + (worker * 1_000) + i;
                await replica.CommitAsync(tx => tx.Update(key).Set("v", value), cancellationToken: cancellation);
                Assert.Equal([key], replica.Query("d", "t").Where($"v = {value}").Select(e => e.Key));
                // Of this worker's entities each has one value at any time: none is missed, none comes twice.
                Entity[] all = [.. replica.Query("d", "t").Where("v >= 0").OrderBy("v").Limit(600)];
                Assert.Equal(500, all.Select(e => e.Key).Distinct().Count());
                Assert.Equal(500, all.Length);
            }
        });
        await stop.CancelAsync();
        await flushing;
    }

    [Fact]
    public async Task Indexes_stay_when_the_projection_is_lost_and_built_anew()
    {
        await using (ReplicaAndStore opened = await CreateAsync())
        {
            await FillAsync(opened.Replica, 300);
            await opened.Replica.EnsureIndexAsync("d", "t", "v");
            await opened.Replica.EnsureIndexAsync("d", "later", "x");
        }
        foreach (string file in Directory.GetFiles(Path.Combine(directory, "projection"), "data*.pages")) File.Delete(file);
        await using (ReplicaAndStore opened = await ReopenAsync())
        {
            Assert.Equal(["d/later: x", "d/t: v"], opened.Replica.Indexes.Select(i => i.ToString()));
            await opened.Replica.FlushAsync();
            EntityQuery query = opened.Replica.Query("d", "t").Where("v = 7");
            Assert.Single(query.Explain().Indexes);
            Assert.Equal(3, query.Count());
            await opened.Replica.CommitAsync(tx => tx.Create(new EntityKey("d", "later", "1")).Set("x", "y"));
            await opened.Replica.FlushAsync();
            Assert.Single(opened.Replica.Query("d", "later").Where("x = 'y'").Explain().Indexes);
            Assert.Contains("INDEX RANGE SCAN(_ix", opened.Store.Projection.Explain(new EntityIndex("d", "later", "x"), EntityFilter.Parse("x = 'y'")), StringComparison.Ordinal);
        }
        // Forgotten while in use, as a fence does it.
        await using FileReplicaStore store = FileReplicaStore.Open(directory);
        await store.ResetProjectionAsync(default);
        Assert.Equal(2, store.Indexes.Count);
        Assert.Null(store.Find("d", "t", EntityFilter.Parse("v = 7")));
        await store.ProjectAsync(new ProjectionUpdate(store.LogEnd, default,
            [StoredEntities.Make(Key(7), [1], fields: ("v", Value.From(7L)))]), default);
        Assert.Equal([Key(7)], store.Find("d", "t", EntityFilter.Parse("v = 7"))!.Groups.SelectMany(g => g));
    }

    [Fact]
    public async Task A_dropped_index_is_gone_for_good_and_the_doctor_finds_nothing()
    {
        await using (ReplicaAndStore opened = await CreateAsync())
        {
            await FillAsync(opened.Replica, 100);
            await opened.Replica.EnsureIndexAsync("d", "t", "v");
            await opened.Replica.EnsureIndexAsync("d", "t", "w");
            Assert.True(await opened.Replica.DropIndexAsync("d", "t", "v"));
            Assert.False(await opened.Replica.DropIndexAsync("d", "t", "v"));
            Assert.Empty(opened.Replica.Query("d", "t").Where("v = 7").Explain().Indexes);
            Assert.Single(opened.Replica.Query("d", "t").Where("v = 7"));
            await opened.Replica.EnsureIndexAsync("d", "t", "v");
            Assert.Single(opened.Replica.Query("d", "t").Where("v = 7").Explain().Indexes);
            Assert.Single(opened.Replica.Query("d", "t").Where("v = 7"));
            await opened.Replica.DropIndexAsync("d", "t", "v");
        }
        Assert.Empty((await StoreDoctor.CheckAsync(directory, Checking())).Findings);
        await using ReplicaAndStore again = await ReopenAsync();
        Assert.Equal(["d/t: w"], again.Replica.Indexes.Select(i => i.ToString()));
    }

    [Fact]
    public async Task A_type_has_at_most_so_many_indexes()
    {
        await using ReplicaAndStore opened = await CreateAsync();
        for (int i = 0; i < ProjectionDatabase.IndexesOfTypeMax; i++) await opened.Replica.EnsureIndexAsync("d", "t", $"f{i}");
        await Assert.ThrowsAsync<ArgumentException>(async () => await opened.Replica.EnsureIndexAsync("d", "t", "more"));
        await opened.Replica.EnsureIndexAsync("d", "t", "f0");
        await opened.Replica.EnsureIndexAsync("d", "u", "more");
        await FillAsync(opened.Replica, 10);
        Assert.Equal(ProjectionDatabase.IndexesOfTypeMax + 1, opened.Replica.Indexes.Count);
    }

    [Fact]
    public async Task Types_that_share_a_collection_have_indexes_of_their_own()
    {
        await using ReplicaAndStore opened = await CreateAsync();
        for (int i = 0; i < 160; i++) await opened.Replica.CommitAsync(tx => tx.Create(new EntityKey("many", $"t{i:D3}", "1")).Set("v", i));
        await opened.Replica.FlushAsync();
        foreach (int i in new[] { 158, 159 })
        {
            Assert.Equal("entities", opened.Store.CollectionOf("many", $"t{i:D3}"));
            await opened.Replica.EnsureIndexAsync("many", $"t{i:D3}", "v");
        }
        await opened.Replica.CommitAsync(tx => tx.Create(new EntityKey("many", "t159", "2")).Set("v", 158));
        await opened.Replica.FlushAsync();
        Assert.Equal(["many/t158/1"], opened.Replica.Query("many", "t158").Where("v = 158").Select(e => e.Key.ToString()));
        Assert.Equal(["many/t159/2"], opened.Replica.Query("many", "t159").Where("v = 158").Select(e => e.Key.ToString()));
        Assert.Equal(["2", "1"], opened.Replica.Query("many", "t159").OrderBy("v").Limit(5).Select(e => e.Key.Id));
    }

    [Fact]
    public async Task Of_an_encrypted_replica_no_name_of_an_indexed_field_stands_on_the_disk()
    {
        using StoreKey key = StoreKey.FromBytes(new byte[StoreKey.LengthBytes]);
        Replica replica = await OpenAsync(FileReplicaStore.Create(directory, Identity(), key));
        await replica.EnsureIndexAsync("d", "t", "Kowalczyk");
        await replica.CommitAsync(tx => tx.Create(Key(1)).Set("Kowalczyk", "secret"));
        await replica.DisposeAsync();
        foreach (string file in Directory.GetFiles(directory, "*", SearchOption.AllDirectories))
            Assert.DoesNotContain("Kowalczyk", System.Text.Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file)), StringComparison.Ordinal);
        replica = await OpenAsync(FileReplicaStore.Open(directory, key));
        Assert.Single(replica.Indexes);
        Assert.Single(replica.Query("d", "t").Where("Kowalczyk = 'secret'"));
        await replica.DisposeAsync();
    }

    [Fact]
    public void A_damaged_list_of_indexes_counts_as_none()
    {
        var disk = new SimulatedDisk();
        var file = new IndexFile(disk, "/i/indexes", null);
        file.Write([new EntityIndex("d", "t", FieldPath.Of("a", "b/c")), new EntityIndex("d", "u", "x")]);
        byte[] bytes = disk["/i/indexes"];
        Assert.Equal(["d/t: a/b~1c", "d/u: x"], file.Read().Select(i => i.ToString()));
        for (int at = 0; at < bytes.Length; at++)
        {
            byte[] changed = [.. bytes];
            changed[at] ^= 8;
            disk["/i/indexes"] = changed;
            Assert.Empty(file.Read());
            disk["/i/indexes"] = bytes[..at];
            Assert.Empty(file.Read());
        }
    }

    [Fact]
    public void Keys_sort_as_values_do()
    {
        var random = new Random(5);
        Value[] values = [.. Enumerable.Range(0, 400).Select(_ => AnyValue(random))];
        foreach (Value left in values)
        {
            foreach (Value right in values)
            {
                int expected = ValueOrder.Sort(left, right), found = IndexKey.OfValue(left).AsSpan().SequenceCompareTo(IndexKey.OfValue(right));
                // Cut ones may be the same key, and nothing is the other way round.
                Assert.True(Math.Sign(found) == Math.Sign(expected) || (found == 0 && IsCut(left)), $"{left} {right}: {found}, {expected}");
            }
        }

        static bool IsCut(Value value) => !IndexKey.ValueIn([.. IndexKey.OfValue(value), 0x61]).IsExact;
    }

    private static void Compare(Replica replica, string condition, Random random)
    {
        var filter = EntityFilter.Parse(condition);
        string[] expected = [.. replica.Keys("d", "t").Select(replica.Get).OfType<Entity>().Where(filter.Holds).Select(e => e.Key.Id)];
        EntityQuery query = replica.Query("d", "t").Where(filter);
        Assert.Equal(expected, query.Select(e => e.Key.Id));
        int most = random.Next(1, 400);
        foreach (FieldPath field in (FieldPath[])["v", "w"])
        {
            Entity[] sorted = [.. query.OrderBy(field).Limit(most)];
            Assert.Equal(Math.Min(most, expected.Length), sorted.Length);
            Entity[] reversed = [.. query.OrderByDescending(field)];
            Assert.Equal(expected.Order(), reversed.Select(e => e.Key.Id).Order());
            Assert.Equal(sorted.Select(e => e.Key), reversed.Reverse().Take(most).Select(e => e.Key));
            for (int i = 1; i < sorted.Length; i++)
            {
                int order = ValueOrder.Sort(sorted[i - 1][field] ?? Value.Null, sorted[i][field] ?? Value.Null);
                Assert.True(order < 0 || (order == 0 && sorted[i - 1].Key < sorted[i].Key));
            }
        }
    }

    private static async Task ChangeAsync(Replica replica, Random random)
    {
        EntityKey key = Key(random.Next(150));
        if (random.Next(10) == 0 && replica.Get(key) is not null)
        {
            await replica.CommitAsync(tx => tx.Delete(key));
            return;
        }
        await replica.CommitAsync(tx =>
        {
            EntityEdit edit = tx.Upsert(key).Set("v", AnyValue(random)).Set("w", AnyValue(random));
            // Names that LiteDB takes for the same, and an object that was written as one.
            if (random.Next(4) == 0) edit.Set("V", random.Next(9));
            if (random.Next(4) == 0) edit.Set("inner", Value.ObjectOf(new KeyValuePair<string, Value>("depth", random.Next(9)), new("Depth", "x")));
        });
    }

    private static Value AnyValue(Random random) => random.Next(16) switch
    {
        0 => Value.Null,
        1 => random.Next(2) == 0,
        2 => random.NextInt64(long.MinValue, long.MaxValue),
        3 => long.MaxValue - random.Next(3),
        4 => 9_007_199_254_740_992L + random.Next(4),
        5 => 9_007_199_254_740_992.0 + (2 * random.Next(3)),
        6 => (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-300, 308)),
        7 => new DateTimeOffset(2024, 5, 6, 7, 8, 9, TimeSpan.Zero).AddTicks(random.Next(30_000)),
        8 => new string('a', 190 + random.Next(20)) + (char)('a' + random.Next(3)),
        9 => "long" + new string('\u20ac', 400 + random.Next(2)) + random.Next(3),
        10 => new string("\0\u0001\u0002\ue000\uffee"[random.Next(5)], random.Next(3)),
        11 => Value.ArrayOf(random.Next(9), "x"),
        12 => Value.ObjectOf(new KeyValuePair<string, Value>("x", random.Next(9))),
        13 => Value.From(new byte[random.Next(2_000)].AsSpan()),
        14 => "abcx"[random.Next(4)..],
        _ => random.Next(10),
    };

    private static EntityKey Key(int number) => new("d", "t", $"{number:D4}");

    private static async Task FillAsync(Replica replica, int entities)
    {
        await replica.CommitAsync(tx =>
        {
            for (int i = 0; i < entities; i++) tx.Create(Key(i)).Set("v", i % 100).Set("w", "some");
        });
        await replica.FlushAsync();
    }

    private ReplicaIdentity Identity() =>
        new(genesis.Space, new ReplicaId(new Guid("0a000000-0000-4000-8000-000000000001")), ReplicaRole.Client);

    private static StoreDoctorOptions Checking() => new() { Replica = new ReplicaOptions { Time = TimeProvider.System } };

    private ValueTask<Replica> OpenAsync(FileReplicaStore store) => Replica.OpenAsync(
        store, new ReplicaOptions { Time = TimeProvider.System, Genesis = genesis, ProjectedEntitiesPerUpdate = 40, CachedEntitiesMax = 100 });

    private async Task<ReplicaAndStore> CreateAsync()
    {
        var store = FileReplicaStore.Create(directory, Identity());
        return new ReplicaAndStore(await OpenAsync(store), store);
    }

    private async Task<ReplicaAndStore> ReopenAsync()
    {
        var store = FileReplicaStore.Open(directory);
        return new ReplicaAndStore(await OpenAsync(store), store);
    }

    private sealed record ReplicaAndStore(Replica Replica, FileReplicaStore Store) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Replica.DisposeAsync();
    }
}
