using System.Security.Cryptography;

namespace Crdt.Integration.Store;

/// <summary>What every replica store promises.</summary>
public abstract class ReplicaStoreConformance
{
    protected static readonly ReplicaId Ann = new(new Guid("0a000000-0000-4000-8000-000000000001"));
    protected static readonly ReplicaId Bob = new(new Guid("0b000000-0000-4000-8000-000000000002"));

    protected static ReplicaIdentity Identity { get; } =
        new(SpaceId.FromBytes(SHA256.HashData("space"u8)), Ann, ReplicaRole.Server);

    protected abstract IReplicaStore Create();

    /// <summary>Ends the store's process, as far as it has one, and begins the next.</summary>
    protected abstract Task<IReplicaStore> ReopenAsync(IReplicaStore store);

    [Fact]
    public async Task A_new_store_is_empty_and_knows_who_it_is()
    {
        await using IReplicaStore store = Create();
        Assert.Equal(Identity, store.Identity);
        Assert.Equal(default, store.ProjectedTo);
        Assert.True(store.Checkpoint.IsEmpty);
        Assert.Empty(store.ReadLog(default));
        Assert.Equal(store.LogEnd, store.FindStart(Ann, 1));
        Assert.Empty(store.ReadLog(store.FindStart(VersionVector.Empty)));
    }

    [Fact]
    public async Task Entries_come_back_as_they_were_and_in_order_also_after_reopening()
    {
        IReplicaStore store = Create();
        LogEntry[] entries =
        [
            Batch(Ann, 1, 3),
            Batch(Bob, 1, 1),
            new(LogEntryKind.Head, Ann, 3, 3, new byte[96]),
            new(LogEntryKind.Note, Ann, 0, 0, "note"u8.ToArray()),
            Batch(Ann, 4, 4, length: 0),
            Batch(Bob, 2, 900, length: 1 << 20),
        ];
        LogPosition end = await store.AppendAsync(entries.AsMemory(0, 4), isDurable: true, default);
        Assert.Equal(store.LogEnd, end);
        Assert.True(await store.AppendAsync(entries.AsMemory(4), isDurable: true, default) > end);

        AssertEntries(entries, store.ReadLog(default));
        store = await ReopenAsync(store);
        AssertEntries(entries, store.ReadLog(default));
        Assert.Equal(Identity, store.Identity);
        await store.DisposeAsync();
    }

    [Fact]
    public async Task The_writer_identity_is_the_last_one_taken_also_when_much_was_written_since()
    {
        IReplicaStore store = Create();
        await store.AppendAsync(Batches(1, 4), isDurable: true, default);
        await store.AppendAsync(new LogEntry[] { new(LogEntryKind.Identity, Bob, 0, 0, new byte[16]) }, isDurable: true, default);
        Assert.Equal(Identity with { Replica = Bob }, store.Identity);
        store = await ReopenAsync(store);
        Assert.Equal(Identity with { Replica = Bob }, store.Identity);
        for (int i = 1; i <= 8; i++)
            await store.AppendAsync(new[] { Batch(Bob, i, i, length: 1 << 20) }, isDurable: true, default);
        store = await ReopenAsync(store);
        Assert.Equal(Identity with { Replica = Bob }, store.Identity);
        Assert.Equal(4 + 1 + 8, store.ReadLog(default).Count());
        await store.DisposeAsync();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Which_attachments_a_device_takes_lasts_until_it_is_said_anew(int updates)
    {
        var thin = new BlobPolicy
        {
            Fetch = BlobFetch.OnDemand,
            ByMediaType = new Dictionary<string, BlobFetch> { ["video/*"] = BlobFetch.Never, ["image/jpeg"] = BlobFetch.ThumbnailFirst },
            BytesPerConnectionMax = 5_000_000,
        };
        IReplicaStore store = Create();
        BlobPolicy[] said = [new(), thin, thin with { ByMediaType = new Dictionary<string, BlobFetch>(), QuotaBytes = 0 }, new()];
        foreach (BlobPolicy policy in said)
        {
            await using (Replica replica = await Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System }))
            {
                await replica.Blobs.SetPolicyAsync(policy);
                replica.Blobs.Policy = thin with { Fetch = BlobFetch.Never }; // as long as it is open
                for (int i = 0; i < updates; i++) await replica.FlushAsync();
            }
            store = await ReopenAsync(store);
            await using (Replica replica = await Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System }))
            {
                AssertPolicy(policy, replica.Blobs.Policy);
                if (replica.Store.Blobs.QuotaBytes != 0) Assert.Equal(policy.QuotaBytes, replica.Store.Blobs.QuotaBytes);
            }
            store = await ReopenAsync(store);
            var own = new BlobPolicy { Fetch = BlobFetch.Never };
            await using (Replica replica = await Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Blobs = own }))
                AssertPolicy(own, replica.Blobs.Policy);
            store = await ReopenAsync(store);
        }
        await store.DisposeAsync();

        static void AssertPolicy(BlobPolicy expected, BlobPolicy actual)
        {
            Assert.Equal(expected with { ByMediaType = actual.ByMediaType }, actual);
            Assert.Equal(expected.ByMediaType.OrderBy(t => t.Key), actual.ByMediaType.OrderBy(t => t.Key));
        }
    }

    [Fact]
    public async Task Every_position_given_is_a_place_to_go_on_from()
    {
        IReplicaStore store = Create();
        for (int i = 1; i <= 40; i += 4)
            await store.AppendAsync(Batches(i, 4), isDurable: i % 8 == 1, default);

        LoggedEntry[] all = [.. store.ReadLog(default)];
        Assert.Equal(store.LogEnd, all[^1].Next);
        store = await ReopenAsync(store);
        for (int i = 0; i < all.Length; i++)
            AssertEntries(all[(i + 1)..].Select(e => e.Entry), store.ReadLog(all[i].Next));
        await store.DisposeAsync();
    }

    [Fact]
    public async Task Positions_grow_along_the_log()
    {
        await using IReplicaStore store = Create();
        await store.AppendAsync(Batches(1, 10), isDurable: true, default);
        LogPosition[] positions = [.. store.ReadLog(default).Select(e => e.Next)];
        Assert.Equal(positions.Order().Distinct(), positions);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task What_a_vector_does_not_cover_is_behind_the_start_found_for_it(int seed)
    {
        var random = new Random(seed);
        IReplicaStore store = Create();
        ReplicaId[] authors = [.. Enumerable.Range(1, 5).Select(i => new ReplicaId(new Guid(i, 2, 3, new byte[8])))];
        var reached = new Dictionary<ReplicaId, long>();
        for (int i = 0; i < 60; i++)
        {
            LogEntry[] group = new LogEntry[random.Next(1, 40)];
            for (int n = 0; n < group.Length; n++)
            {
                ReplicaId author = authors[random.Next(authors.Length)];
                long first = reached.GetValueOrDefault(author) + 1;
                reached[author] = first + random.Next(3);
                group[n] = Batch(author, first, reached[author], random.Next(300));
            }
            await store.AppendAsync(group, isDurable: false, default);
        }
        store = await ReopenAsync(store);

        LogEntry[] all = [.. store.ReadLog(default).Select(e => e.Entry)];
        for (int i = 0; i < 30; i++)
        {
            var vector = VersionVector.From(authors.Select(a => new Dot(a, random.NextInt64(reached[a] + 1))));
            LogEntry[] found = [.. store.ReadLog(store.FindStart(vector)).Select(e => e.Entry)];
            Assert.Equal(Missing(all, vector), Missing(found, vector));

            ReplicaId author = authors[random.Next(authors.Length)];
            long sequence = random.NextInt64(1, reached[author] + 1);
            LogEntry[] behind = [.. store.ReadLog(store.FindStart(author, sequence)).Select(e => e.Entry)];
            Assert.Contains(
                behind, e => e.Author == author && e.FirstSequence <= sequence && e.LastSequence >= sequence);
        }
        Assert.Equal(store.LogEnd, store.FindStart(authors[0], reached[authors[0]] + 1));
        await store.DisposeAsync();
    }

    [Fact]
    public async Task Readers_beside_appends_see_a_prefix()
    {
        await using IReplicaStore store = Create();
        Task appending = Task.Run(async () =>
        {
            for (int i = 1; i <= 200; i++)
                await store.AppendAsync(new[] { Batch(Ann, i, i) }, isDurable: i % 10 == 0, default);
        });
        bool isLast;
        do
        {
            isLast = appending.IsCompleted;
            long[] seen = [.. store.ReadLog(default).Select(e => e.Entry.LastSequence)];
            Assert.Equal(Enumerable.Range(1, seen.Length).Select(i => (long)i), seen);
        }
        while (!isLast);
        await appending;
        Assert.Equal(200, store.ReadLog(default).Count());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task What_is_dropped_ends_at_or_before_the_floor_and_positions_stay(int seed)
    {
        var random = new Random(seed);
        IReplicaStore store = Create();
        await FillAsync(store, random, 3_000);
        LoggedEntry[] all = [.. store.ReadLog(default)];
        await ProjectToEndAsync(store);
        LogPosition floor = default;
        for (int round = 0; round < 4; round++)
        {
            int at = random.Next(round * all.Length / 4, (round + 1) * all.Length / 4);
            floor = at == 0 ? default : all[at - 1].Next;
            await store.PruneAsync(floor, default);
            Assert.True(store.LogStart <= floor);
            if (random.Next(2) == 0)
                store = await ReopenAsync(store);

            LoggedEntry[] held = [.. store.ReadLog(default)];
            Assert.True(held.Length >= all.Length - at);
            Assert.Equal(all[^held.Length..].Select(e => e.Next), held.Select(e => e.Next));
            AssertEntries(all[^held.Length..].Select(e => e.Entry), held);
            AssertEntries(all[at..].Select(e => e.Entry), store.ReadLog(floor));
            for (int i = 0; i < 10; i++)
            {
                int from = random.Next(at, all.Length);
                AssertEntries(all[(from + 1)..].Select(e => e.Entry), store.ReadLog(all[from].Next));
            }
        }
        Assert.True(store.LogStart > default(LogPosition));
        Assert.True(store.LogEnd >= all[^1].Next);
        LogPosition start = store.LogStart;
        await store.PruneAsync(default, default);
        Assert.Equal(start, store.LogStart);
        await store.DisposeAsync();
    }

    [Fact]
    public async Task A_start_is_found_within_what_is_held_and_nothing_uncovered_lies_before_it()
    {
        var random = new Random(3);
        IReplicaStore store = Create();
        await FillAsync(store, random, 2_500);
        await ProjectToEndAsync(store);
        await store.PruneAsync(store.ReadLog(default).ElementAt(1_300).Next, default);
        store = await ReopenAsync(store);
        await FillAsync(store, random, 1_500, first: 2_501);
        LogEntry[] all = [.. store.ReadLog(default).Select(e => e.Entry)];
        for (int i = 0; i < 60; i++)
        {
            var vector = VersionVector.From([new Dot(Ann, random.Next(4_000)), new Dot(Bob, random.Next(4_000))]);
            LogPosition start = store.FindStart(vector);
            Assert.True(start >= store.LogStart);
            Assert.Equal(Missing(all, vector), Missing(store.ReadLog(start).Select(e => e.Entry), vector));
            Assert.True(store.FindStart(Ann, random.Next(1, 4_000)) >= store.LogStart);
        }
        Assert.Equal(store.LogEnd, store.FindStart(Ann, 1 << 20));
        await store.DisposeAsync();
    }

    [Fact]
    public async Task A_floor_beyond_the_log_or_the_projection_drops_nothing()
    {
        await using IReplicaStore store = Create();
        await FillAsync(store, new Random(4), 500);
        LogPosition beyond = new(store.LogEnd.Value + (store.IsProjecting ? 0 : 1));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await store.PruneAsync(beyond, default));
        Assert.Equal(default, store.LogStart);
        Assert.Equal(500, store.ReadLog(default).Count());
    }

    [Fact]
    public async Task A_reading_that_is_overtaken_passes_over_what_was_dropped_and_knows_by_the_start()
    {
        await using IReplicaStore store = Create();
        await FillAsync(store, new Random(5), 3_000);
        await ProjectToEndAsync(store);
        LoggedEntry[] all = [.. store.ReadLog(default)];
        using IEnumerator<LoggedEntry> reading = store.ReadLog(default).GetEnumerator();
        for (int i = 0; i < 10; i++) Assert.True(reading.MoveNext());
        await store.PruneAsync(all[2_500].Next, default);
        var rest = new List<LoggedEntry>();
        while (reading.MoveNext()) rest.Add(reading.Current);
        Assert.Equal(all[^1].Next, rest[^1].Next);
        AssertEntries(
            all.Where(e => e.Next > store.LogStart).Select(e => e.Entry), rest.Where(e => e.Next > store.LogStart));
    }

    [Fact]
    public async Task An_update_is_what_the_projection_shows_also_after_reopening()
    {
        IReplicaStore store = Create();
        if (!store.IsProjecting)
        {
            await store.DisposeAsync();
            return;
        }
        LogPosition first = await store.AppendAsync(new[] { Batch(Ann, 1, 1) }, isDurable: false, default);
        EntityKey one = new("d", "t", "1"), two = new("d", "t", "2"), three = new("d", "u", "1");
        await store.ProjectAsync(
            new ProjectionUpdate(
                first,
                "first"u8.ToArray(),
                [StoredEntities.Make(one, "a"), StoredEntities.Make(two, "b"u8.ToArray(), marks: EntityMarks.Contested | EntityMarks.NamesBlobs)]),
            default);
        LogPosition second = await store.AppendAsync(new[] { Batch(Ann, 2, 2) }, isDurable: true, default);
        await store.ProjectAsync(
            new ProjectionUpdate(
                second,
                "second"u8.ToArray(),
                [
                    StoredEntities.Make(one, "c"u8.ToArray(), marks: EntityMarks.Contested | EntityMarks.NamesBlobs),
                    StoredEntities.Make(two, "d"u8.ToArray(), exists: false, marks: EntityMarks.NamesBlobs),
                    StoredEntities.Make(three, "e"),
                ]),
            default);

        for (int opening = 0; opening < 2; opening++)
        {
            Assert.Equal(second, store.ProjectedTo);
            Assert.Equal("second"u8.ToArray(), store.Checkpoint.ToArray());
            Assert.Equal("c", StoredEntities.Text(store.ReadState(one)));
            Assert.Equal("d", StoredEntities.Text(store.ReadState(two)));
            Assert.Equal("e", StoredEntities.Text(store.ReadState(three)));
            Assert.Null(store.ReadState(new EntityKey("d", "t", "3")));
            Assert.Null(store.ReadState(new EntityKey("x", "t", "1")));
            Assert.Equal([one, two, three], store.Keys());
            Assert.Equal([one, two], store.Keys("d", "t"));
            Assert.Empty(store.Keys("d", "v"));
            Assert.Equal([one], store.MarkedKeys(EntityMarks.Contested));
            Assert.Equal([one, two], store.MarkedKeys(EntityMarks.NamesBlobs));
            if (opening == 0)
                store = await ReopenAsync(store);
        }
        await store.DisposeAsync();
    }

    [Fact]
    public async Task Indexes_are_listed_and_find_what_was_projected()
    {
        IReplicaStore store = Create();
        EntityIndex first = new("d", "t", "a"), second = new("d", "t", FieldPath.Of("b", "c"));
        await store.EnsureIndexAsync(second, default);
        await store.EnsureIndexAsync(first, default);
        await store.EnsureIndexAsync(first, default);
        Assert.Equal([first, second], store.Indexes);
        Assert.True(await store.DropIndexAsync(second, default));
        Assert.False(await store.DropIndexAsync(second, default));
        if (store.IsProjecting)
        {
            LogPosition end = await store.AppendAsync(new[] { Batch(Ann, 1, 1) }, isDurable: true, default);
            await store.ProjectAsync(
                new ProjectionUpdate(end, default,
                [
                    .. Enumerable.Range(0, 1_500).Select(i =>
                        StoredEntities.Make(new EntityKey("d", "t", $"{i:D4}"), [1], exists: i % 5 > 0, fields: ("a", Value.From(i % 3)))),
                    StoredEntities.Make(new EntityKey("d", "u", "1"), [1], fields: ("a", Value.From(1))),
                ]), default);
            for (int opening = 0; opening < 2; opening++)
            {
                Assert.Equal([first], store.Indexes);
                Assert.Null(store.Find("d", "u", EntityFilter.Parse("a = 1")));
                Assert.Null(store.Find("d", "t", EntityFilter.Parse("b = 1")));
                Assert.Null(store.FindSorted(second, false, null));
                Assert.Equal(
                    Enumerable.Range(0, 1_500).Where(i => i % 3 == 1 && i % 5 > 0).Select(i => $"{i:D4}"),
                    store.Find("d", "t", EntityFilter.Parse("a = 1"))!.Groups.SelectMany(g => g).Select(k => k.Id).Distinct().Order());
                string[] sorted = [.. store.FindSorted(first, true, null)!.Groups.SelectMany(g => g).Select(k => k.Id)];
                Assert.Equal(
                    Enumerable.Range(0, 1_500).Where(i => i % 5 > 0).OrderByDescending(i => i % 3).ThenByDescending(i => i).Select(i => $"{i:D4}"),
                    sorted);
                if (opening == 0)
                    store = await ReopenAsync(store);
            }
        }
        await store.DisposeAsync();
    }

    [Fact]
    public async Task A_projection_that_was_forgotten_is_empty_and_takes_updates_again()
    {
        IReplicaStore store = Create();
        if (!store.IsProjecting)
        {
            await store.DisposeAsync();
            return;
        }
        EntityKey one = new("d", "t", "1"), two = new("d", "t", "2");
        for (int round = 0; round < 2; round++)
        {
            LogPosition end = await store.AppendAsync(new[] { Batch(Ann, round + 1, round + 1) }, isDurable: true, default);
            await store.ProjectAsync(
                new ProjectionUpdate(end, "checkpoint"u8.ToArray(), [StoredEntities.Make(one, "a"u8.ToArray(), marks: EntityMarks.Contested)]),
                default);
            await store.ResetProjectionAsync(default);
            for (int opening = 0; opening < 2; opening++)
            {
                Assert.Equal(default, store.ProjectedTo);
                Assert.True(store.Checkpoint.IsEmpty);
                Assert.Null(store.ReadState(one));
                Assert.Empty(store.Keys());
                Assert.Empty(store.MarkedKeys(EntityMarks.Contested));
                if (opening == 0)
                    store = await ReopenAsync(store);
            }
            Assert.Equal(round + 1, store.ReadLog(default).Count());
        }
        LogPosition last = store.LogEnd;
        await store.ProjectAsync(
            new ProjectionUpdate(last, "again"u8.ToArray(), [StoredEntities.Make(two, "b"u8.ToArray())]), default);
        store = await ReopenAsync(store);
        Assert.Equal([two], store.Keys());
        Assert.Equal(last, store.ProjectedTo);
        await store.DisposeAsync();
    }

    [Fact]
    public async Task Keys_come_in_the_order_of_keys_over_many_pages()
    {
        await using IReplicaStore store = Create();
        if (!store.IsProjecting)
            return;
        // Above U+E000 and beyond the basic plane UTF-8 and UTF-16 sort differently.
        string[] ids = ["a", "A", "aa", "\0", "\u00e9", "\uffee", "\ud83d\ude00", "\ue000", "z\0b", "z"];
        EntityKey[] keys =
        [
            .. ids.Select(id => new EntityKey("d", "t", id)),
            .. Enumerable.Range(0, 1500).Select(i => new EntityKey("d", "many", $"{i * 7919 % 1500}")),
            new("D", "t", new string('\u0800', 85)),
            new("D", "t", string.Concat(Enumerable.Repeat("\ud83d\ude00", 63))),
        ];
        Array.Sort(keys);
        LogPosition end = await store.AppendAsync(new[] { Batch(Ann, 1, 1) }, isDurable: true, default);
        await store.ProjectAsync(
            new ProjectionUpdate(end, default, [.. keys.Select(k => StoredEntities.Make(k, k.ToString()))]), default);

        Assert.Equal(keys, store.Keys());
        Assert.Equal(keys.Where(k => k.Domain == "d"), store.Keys("d"));
        Assert.Equal(keys.Where(k => k.Type == "t"), store.Keys(type: "t"));
        Assert.All(keys, k => Assert.Equal(k.ToString(), StoredEntities.Text(store.ReadState(k))));
    }

    [Fact]
    public async Task Zones_are_kept_in_order_with_their_update_and_forgotten_below_a_floor()
    {
        IReplicaStore store = Create();
        if (!store.IsProjecting)
        {
            await store.DisposeAsync();
            return;
        }
        Assert.Equal(default, store.ZonedTo);
        Assert.Empty(store.ReadZones(default));
        await FillAsync(store, new Random(8), 1_000);
        LogPosition[] ends = [.. store.ReadLog(default).Select(e => e.Next)];
        LogZone[] zones = [.. ends.Select((end, i) => new LogZone(i == 0 ? default : ends[i - 1], end, BitConverter.GetBytes(i)))];
        await store.ProjectAsync(new ProjectionUpdate(ends[599], default, []) { Zones = zones[..600] }, default);
        await store.ProjectAsync(new ProjectionUpdate(ends[^1], default, []) { Zones = zones[600..] }, default);
        for (int opening = 0; opening < 2; opening++)
        {
            Assert.Equal(ends[^1], store.ZonedTo);
            AssertZones(zones, store.ReadZones(default));
            AssertZones(zones[301..], store.ReadZones(ends[300]));
            if (opening == 0)
                store = await ReopenAsync(store);
        }
        await store.ProjectAsync(new ProjectionUpdate(ends[^1], default, []) { ZonesFrom = ends[400] }, default);
        Assert.Equal(ends[^1], store.ZonedTo);
        AssertZones(zones[401..], store.ReadZones(default));
        await store.ResetProjectionAsync(default);
        Assert.Equal(default, store.ZonedTo);
        Assert.Empty(store.ReadZones(default));
        await store.DisposeAsync();

        static void AssertZones(IEnumerable<LogZone> expected, IEnumerable<LogZone> read) => Assert.Equal(
            expected.Select(z => (z.From, z.To, Convert.ToHexString(z.Content.Span))),
            read.Select(z => (z.From, z.To, Convert.ToHexString(z.Content.Span))));
    }

    protected static LogEntry Batch(ReplicaId author, long first, long last, int length = 100)
    {
        byte[] payload = new byte[length];
        new Random((int)last).NextBytes(payload);
        return new LogEntry(LogEntryKind.Batch, author, first, last, payload);
    }

    /// <summary>Single batches of Ann, each followed by one of Bob, in groups of different lengths.</summary>
    private static async Task FillAsync(IReplicaStore store, Random random, int count, int first = 1)
    {
        for (int n = 0; n < count;)
        {
            LogEntry[] group = new LogEntry[Math.Min(random.Next(1, 30), count - n)];
            for (int i = 0; i < group.Length; i++, n++)
            {
                int sequence = ((first - 1 + n) / 2) + 1;
                group[i] = Batch((first - 1 + n) % 2 == 0 ? Ann : Bob, sequence, sequence);
            }
            await store.AppendAsync(group, isDurable: false, default);
        }
    }

    private static async Task ProjectToEndAsync(IReplicaStore store)
    {
        if (store.IsProjecting)
            await store.ProjectAsync(new ProjectionUpdate(store.LogEnd, default, []), default);
    }

    private static LogEntry[] Batches(int first, int count) =>
        [.. Enumerable.Range(first, count).Select(n => Batch(Ann, n, n))];

    private static IEnumerable<Dot> Missing(IEnumerable<LogEntry> entries, VersionVector vector) => entries
        .Where(e => e.LastSequence > vector[e.Author])
        .Select(e => new Dot(e.Author, e.LastSequence));

    private static void AssertEntries(IEnumerable<LogEntry> expected, IEnumerable<LoggedEntry> logged) => Assert.Equal(
        expected.Select(Comparable), logged.Select(l => Comparable(l.Entry)));

    private static (LogEntryKind, ReplicaId, long, long, string) Comparable(LogEntry e) =>
        (e.Kind, e.Author, e.FirstSequence, e.LastSequence, Convert.ToHexString(SHA256.HashData(e.Payload.Span)));
}
