using Crdt.Store;
using Crdt.Store.Log;
using LiteDB;

namespace Crdt.Integration.Store;

public sealed class FileReplicaStoreTests : ReplicaStoreConformance, IDisposable
{
    private readonly string directory = Path.Combine(Path.GetTempPath(), "crdt-store-" + Guid.NewGuid().ToString("N"));

    // Small segments, so that the suite crosses many.
    private readonly LogOptions options = new() { SegmentLengthBytes = 20_000 };

    public void Dispose()
    {
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_replica_is_opened_once_at_a_time()
    {
        Assert.False(FileReplicaStore.Exists(directory));
        await using (FileReplicaStore.Create(directory, Identity))
        {
            Assert.True(FileReplicaStore.Exists(directory));
            AssertError(StoreError.InUse, () => FileReplicaStore.Open(directory));
        }
        AssertError(StoreError.AlreadyExists, () => FileReplicaStore.Create(directory, Identity));
        await using FileReplicaStore again = FileReplicaStore.Open(directory);
        Assert.Null(again.ProjectionLoss);
    }

    [Fact]
    public void A_directory_without_a_replica_is_not_found_and_not_made() => Assert.Multiple(
        () => AssertError(StoreError.NotFound, () => FileReplicaStore.Open(directory)),
        () => Assert.False(Directory.Exists(directory)));

    [Fact]
    public async Task Giving_up_the_waiting_leaves_the_log_whole()
    {
        await using FileReplicaStore store = FileReplicaStore.Create(directory, Identity, options);
        using var given = new CancellationTokenSource();
        LogEntry[] entries = [Batch(Ann, 1, 1)];
        ValueTask<LogPosition> append = store.AppendAsync(entries, isDurable: true, given.Token);
        entries[0] = Batch(Bob, 9, 9);
        await given.CancelAsync();
        try
        {
            await append;
        }
        catch (OperationCanceledException)
        {
        }
        await store.AppendAsync(new[] { Batch(Ann, 2, 2) }, isDurable: true, default);
        Assert.Equal([1L, 2L], store.ReadLog(default).Select(e => e.Entry.LastSequence));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await store.AppendAsync(entries, isDurable: true, given.Token));
    }

    [Fact]
    public async Task An_update_ahead_of_the_log_is_refused()
    {
        await using FileReplicaStore store = FileReplicaStore.Create(directory, Identity, options);
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.ProjectAsync(
            new ProjectionUpdate(new LogPosition(store.LogEnd.Value + 1), default, []), default));
    }

    [Fact]
    public async Task Documents_are_queried_with_LiteDBs_own_means()
    {
        await using FileReplicaStore store = FileReplicaStore.Create(directory, Identity, options);
        DateTimeOffset time = new(2024, 5, 6, 7, 8, 9, 123, TimeSpan.Zero);
        await ProjectAsync(
            store,
            Strike("1", ("species", Value.From("gull")), ("height", Value.From(300L)), ("at", Value.From(time))),
            Strike("2", ("species", Value.From("owl")), ("height", Value.From(20.5)), ("seen", Value.From(true))),
            Strike("3", ("species", Value.From("Gull")), ("photo", Value.From("jpeg"u8.ToArray()))),
            StoredEntities.Make(new EntityKey("incident", "strike", "4"), [], exists: false));

        Assert.Equal("incident_strike", store.CollectionOf("incident", "strike"));
        Assert.Null(store.CollectionOf("incident", "other"));
        store.Query(db => db.GetCollection("incident_strike").EnsureIndex("species"));
        string[] gulls = store.Query(db =>
            db.GetCollection("incident_strike").Find("$.species = 'gull'").Select(d => d["_id"].AsString).ToArray());
        Assert.Equal(["1"], gulls);
        (BsonDocument one, BsonDocument three, int count) = store.Query(db =>
        {
            ILiteCollection<BsonDocument> strikes = db.GetCollection("incident_strike");
            return (strikes.FindById("1"), strikes.FindById("3"), strikes.Count("$.height > 10"));
        });
        Assert.Equal(time.UtcDateTime, one["at"].AsDateTime);
        Assert.Equal(DateTimeKind.Utc, one["at"].AsDateTime.Kind);
        Assert.Equal("jpeg"u8.ToArray(), three["photo"].AsBinary);
        Assert.Equal(2, count);
        Assert.Equal(3, store.Query(db => db.GetCollection("incident_strike").Count()));
    }

    [Fact]
    public async Task Names_that_LiteDB_cannot_hold_are_in_the_document_none_the_less()
    {
        await using FileReplicaStore store = FileReplicaStore.Create(directory, Identity, options);
        Value nested = Value.ObjectOf(new KeyValuePair<string, Value>("X", Value.Null), new("x", Value.From(1L)));
        await ProjectAsync(
            store,
            Strike(
                "1",
                ("Name", Value.From("a")),
                ("name", Value.From("b")),
                ("_id", Value.From("c")),
                ("nul\0", Value.From("d")),
                ("_other", Value.From("e")),
                ("nested", nested),
                ("plain", Value.From("f"))));

        BsonDocument document = store.Query(db => db.GetCollection("incident_strike").FindById("1"));
        Assert.Equal("1", document["_id"].AsString);
        Assert.Equal("a", document["Name"].AsString);
        Assert.Equal("f", document["plain"].AsString);
        Assert.Equal(
            ["_id=c", "_other=e", "name=b", "nul\0=d"],
            document["_other"].AsArray.Select(o => $"{o["name"].AsString}={o["value"].AsString}"));
        Assert.True(document["nested"]["X"].IsNull);
        Assert.Equal(1L, document["nested"]["_other"][0]["value"].AsInt64);
    }

    [Fact]
    public async Task More_types_than_LiteDB_has_room_for_collections_are_held()
    {
        await using FileReplicaStore store = FileReplicaStore.Create(directory, Identity, options);
        EntityKey[] keys =
        [
            .. Enumerable.Range(0, 400).Select(i => new EntityKey($"domain of a long name {i}", $"tYpe{i % 3}", "id")),
            new("a_b", "c", "id"),
            new("a", "b_c", "id"),
            new("A", "b_c", "id"),
            new("\u00e9", "/".Replace('/', '-'), "id"),
        ];
        Array.Sort(keys);
        await ProjectAsync(store, [.. keys.Select(k => StoredEntities.Make(k, k.ToString()))]);

        Assert.Equal(keys, store.Keys());
        foreach (EntityKey key in keys)
        {
            string collection = store.CollectionOf(key.Domain, key.Type)!;
            string id = collection == "entities" ? key.ToString() : key.Id;
            BsonDocument document = store.Query(db => db.GetCollection(collection).FindById(id));
            Assert.Equal(key.ToString(), document["state"].AsString);
        }
    }

    [Fact]
    public async Task Registers_larger_than_a_LiteDB_document_come_back_whole()
    {
        var key = new EntityKey("d", "t", "1");
        FileReplicaStore store = FileReplicaStore.Create(directory, Identity);
        byte[] photo = new byte[250_000];
        byte[] large = new byte[20 << 20];
        new Random(1).NextBytes(large);
        (string, Value)[] photos = [.. Enumerable.Range(0, 80).Select(i => ($"p{i}", Value.From(photo)))];
        await ProjectAsync(store, StoredEntities.Make(key, large, fields: photos));
        Assert.True(store.ReadState(key)!.Value.Span.SequenceEqual(large));
        Assert.True(store.Query(db => db.GetCollection("d_t").FindById("1"))["_tooLarge"].AsBoolean);

        await ProjectAsync(store, StoredEntities.Make(key, large[..(3 << 20)]));
        store = (FileReplicaStore)await ReopenAsync(store);
        Assert.True(store.ReadState(key)!.Value.Span.SequenceEqual(large.AsSpan(0, 3 << 20)));
        await ProjectAsync(store, StoredEntities.Make(key, "small"));
        Assert.Equal("small", StoredEntities.Text(store.ReadState(key)));
        await store.DisposeAsync();
    }

    [Fact]
    public async Task A_flipped_bit_in_any_page_is_noticed_and_the_projection_begun_anew()
    {
        EntityKey[] keys = [.. Enumerable.Range(0, 60).Select(i => new EntityKey("d", "t", $"{i}"))];
        Array.Sort(keys);
        FileReplicaStore store = FileReplicaStore.Create(directory, Identity);
        await ProjectAsync(
            store, [.. keys.Select(k => StoredEntities.Make(k, k.ToString() + new string('.', 2000)))]);
        await store.DisposeAsync();
        string path = Path.Combine(directory, "projection", "data.pages");
        byte[] intact = File.ReadAllBytes(path);
        int noticed = 0;
        int pages = intact.Length / 8208;
        Assert.True(pages > 20);

        for (int page = 0; page < pages; page++)
        {
            byte[] damaged = [.. intact];
            damaged[(page * 8208) + (page * 911 % 8208)] ^= (byte)(1 << (page % 8));
            File.WriteAllBytes(path, damaged);
            bool isNoticed = false;
            await using (FileReplicaStore opened = FileReplicaStore.Open(directory))
            {
                isNoticed = opened.ProjectionLoss is not null;
                try
                {
                    if (!isNoticed)
                    {
                        Assert.Equal(keys, opened.Keys().ToArray());
                        foreach (EntityKey key in keys)
                        {
                            string? state = StoredEntities.Text(opened.ReadState(key));
                            Assert.StartsWith(key.ToString() + "...", state, StringComparison.Ordinal);
                        }
                    }
                }
                catch (StoreException e) when (e.Error == StoreError.ProjectionDamaged)
                {
                    isNoticed = true;
                    AssertError(StoreError.ProjectionDamaged, () => opened.ReadState(keys[0]));
                }
            }
            if (!isNoticed)
                continue;
            noticed++;
            await using FileReplicaStore anew = FileReplicaStore.Open(directory);
            Assert.Equal(default, anew.ProjectedTo);
            Assert.Empty(anew.Keys());
            Assert.Single(anew.ReadLog(default));
        }
        // Documents are not read here; the pages of registers, indexes and headers are.
        Assert.InRange(noticed, pages / 3, pages);
        Assert.True(File.Exists(path + ".1"));
    }

    [Fact]
    public async Task A_projection_of_another_log_is_moved_aside()
    {
        FileReplicaStore store = FileReplicaStore.Create(directory, Identity);
        await ProjectAsync(store, StoredEntities.Make(new EntityKey("d", "t", "1"), "of this log"));
        await store.DisposeAsync();
        string other = directory + "-other";
        try
        {
            foreach (int length in new[] { 10, 5000 })
            {
                if (Directory.Exists(other))
                    Directory.Delete(other, recursive: true);
                store = FileReplicaStore.Create(other, Identity);
                await store.AppendAsync(new[] { Batch(Ann, 1, 1, length) }, isDurable: true, default);
                await store.DisposeAsync();
                foreach (string file in Directory.GetFiles(Path.Combine(directory, "projection")))
                    File.Copy(file, Path.Combine(other, "projection", Path.GetFileName(file)), overwrite: true);

                await using FileReplicaStore opened = FileReplicaStore.Open(other);
                Assert.NotNull(opened.ProjectionLoss);
                Assert.Equal(default, opened.ProjectedTo);
                Assert.Empty(opened.Keys());
            }
        }
        finally
        {
            Directory.Delete(other, recursive: true);
        }
    }

    [Fact]
    public async Task Readers_beside_updates_see_each_entity_before_or_after()
    {
        await using FileReplicaStore store = FileReplicaStore.Create(directory, Identity, options);
        EntityKey[] keys = [.. Enumerable.Range(0, 200).Select(i => new EntityKey("d", "t", $"{i:D3}"))];
        await ProjectAsync(store, [.. keys.Select(k => StoredEntities.Make(k, "0"))]);
        using var done = new CancellationTokenSource();
        Task[] readers = [.. Enumerable.Range(0, 3).Select(reader => Task.Run(() =>
        {
            var random = new Random(reader);
            int[] seen = new int[keys.Length];
            while (!done.IsCancellationRequested)
            {
                int index = random.Next(keys.Length);
                int state = int.Parse(StoredEntities.Text(store.ReadState(keys[index]))!, null);
                Assert.True(state >= seen[index]);
                seen[index] = state;
                if (index == 0)
                    Assert.Equal(keys, store.Keys());
                if (index == 1)
                    Assert.Equal(keys.Length, store.Query(db => db.GetCollection("d_t").Count()));
            }
        }))];
        for (int round = 1; round <= 40; round++)
            await ProjectAsync(store, [.. keys.Select(k => StoredEntities.Make(k, $"{round}"))]);
        await done.CancelAsync();
        await Task.WhenAll(readers);
    }

    protected override IReplicaStore Create() => FileReplicaStore.Create(directory, Identity, options);

    protected override async Task<IReplicaStore> ReopenAsync(IReplicaStore store)
    {
        await store.DisposeAsync();
        return FileReplicaStore.Open(directory, options);
    }

    private static void AssertError(StoreError error, Action action) =>
        Assert.Equal(error, Assert.Throws<StoreException>(action).Error);

    private static ProjectedEntity Strike(string id, params (string, Value)[] fields) =>
        StoredEntities.Make(new EntityKey("incident", "strike", id), [1], fields: fields);

    private static async Task ProjectAsync(FileReplicaStore store, params ProjectedEntity[] entities)
    {
        LogPosition end = await store.AppendAsync(new[] { Batch(Ann, 1, 1) }, isDurable: false, default);
        await store.ProjectAsync(new ProjectionUpdate(end, "checkpoint"u8.ToArray(), entities), default);
        Assert.Equal(end, store.ProjectedTo);
    }
}
