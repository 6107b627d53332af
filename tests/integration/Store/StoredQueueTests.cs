using Crdt.Store;

namespace Crdt.Integration.Store;

/// <summary>The queue of a replica in real files: found by an index that is kept, also after restarts and pruning.</summary>
public sealed class StoredQueueTests : IDisposable
{
    private const int Mutations = 3_000;

    private readonly string directory = Path.Combine(Path.GetTempPath(), "crdt-queue-" + Guid.NewGuid().ToString("N"));
    private readonly SpaceGenesis genesis = SpaceGenesis.Create(new ReplicaId(Guid.NewGuid()), "test", [], TimeProvider.System);

    public void Dispose()
    {
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task The_index_is_kept_with_the_projection_and_serves_the_next_process()
    {
        FileReplicaStore store = Create(ReplicaRole.Client);
        await using (Replica replica = await OpenAsync(store))
        {
            await FillAsync(replica);
            await replica.FlushAsync();
            Assert.True(store.ZonedTo.Value > 0);
            Assert.Equal([.. Paged(replica, new MutationFilter())], [.. replica.Mutations().Select(q => q.Mutation.Dot)]);
        }
        store = FileReplicaStore.Open(directory);
        await using Replica reopened = await OpenAsync(store);
        LogZone[] zones = [.. store.ReadZones(default)];
        Assert.Equal(Mutations / 512, zones.Length);
        Assert.Equal(store.ZonedTo, zones[^1].To);
        foreach ((MutationFilter filter, Func<Mutation, bool> holds) in new (MutationFilter, Func<Mutation, bool>)[]
        {
            (new() { Key = Key(17) }, m => m.Key == Key(17)),
            (new() { User = "ann", Order = MutationOrder.NewestFirst }, m => m.User == "ann"),
            (new() { Status = MutationStatus.Pending, Kind = MutationKind.Create }, m => m.Kind == MutationKind.Create && m.Dot.Replica == reopened.Id),
        })
        {
            IEnumerable<Dot> expected = reopened.Mutations().Select(q => q.Mutation).Where(holds).Select(m => m.Dot);
            if (filter.Order == MutationOrder.NewestFirst) expected = expected.Reverse();
            // The founding is nobody's but the authority's, and no server holds it either.
            if (filter.Status is not null) expected = reopened.Mutations().Where(q => q.Mutation.Kind == MutationKind.Create).Select(q => q.Mutation.Dot);
            Dot[] found = [.. Paged(reopened, filter)];
            Assert.NotEmpty(found);
            Assert.Equal(expected, found);
        }
        DeviceQueue queue = Assert.Single(reopened.Queues("ann"));
        Assert.Equal((Mutations / 3, Mutations / 3), ((int)queue.Mutations, (int)queue.Pending));
    }

    [Fact]
    public async Task What_was_dropped_of_the_log_is_not_looked_for_any_more()
    {
        FileReplicaStore store = Create(ReplicaRole.Server);
        await using Replica replica = await OpenAsync(store);
        await FillAsync(replica);
        await replica.TakeSnapshotAsync();
        await replica.PruneAsync();
        await replica.CommitAsync(tx => tx.Upsert(Key(17)).Set("n", -1), "ann");
        await replica.FlushAsync();
        Assert.All(store.ReadZones(default), zone => Assert.True(zone.To > store.LogStart));
        Assert.Equal(replica.Mutations().Where(q => q.Mutation.Key == Key(17)).Select(q => q.Mutation.Dot), Paged(replica, new MutationFilter { Key = Key(17) }));
        Assert.Equal(new Dot(replica.Id, replica.Vector[replica.Id]),
            replica.Page(new MutationFilter { User = "ann", Order = MutationOrder.NewestFirst }, 1).Items[0].Mutation.Dot);
    }

    private static EntityKey Key(int number) => new("incident", "strike", $"{number}");

    private static async Task FillAsync(Replica replica)
    {
        for (int i = 0; i < Mutations; i += 100)
        {
            // Each person's turn lasts a transaction of a hundred.
            string? user = (i / 100 % 3) switch { 0 => "ann", 1 => "bob", _ => null };
            Transaction transaction = replica.Begin(user);
            for (int n = i; n < i + 100; n++) transaction.Upsert(Key(n % 700)).Set("n", n);
            await transaction.CommitAsync();
        }
    }

    private static IEnumerable<Dot> Paged(Replica replica, MutationFilter filter)
    {
        MutationCursor? next = null;
        do
        {
            MutationPage page = replica.Page(filter, 77, next);
            foreach (QueuedMutation queued in page.Items) yield return queued.Mutation.Dot;
            next = page.Next;
        }
        while (next is not null);
    }

    private FileReplicaStore Create(ReplicaRole role) =>
        FileReplicaStore.Create(directory, new ReplicaIdentity(genesis.Space, new ReplicaId(Guid.NewGuid()), role));

    private async Task<Replica> OpenAsync(FileReplicaStore store) =>
        await Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Genesis = genesis });
}
