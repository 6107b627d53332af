using Crdt.Store;
using Crdt.Store.Log;

namespace Crdt.Integration.Store;

/// <summary>A replica on files whose log stands on a snapshot.</summary>
public sealed class PrunedReplicaTests : IDisposable
{
    private readonly string directory = Path.Combine(Path.GetTempPath(), $"crdt-pruned-{Guid.NewGuid():N}");
    private readonly LogOptions options = new() { SegmentLengthBytes = 20_000 };

    private readonly SpaceGenesis genesis = SpaceGenesis.Create(
        new ReplicaId(new Guid("0c000000-0000-4000-8000-000000000003")), "strikes", [], TimeProvider.System);

    public void Dispose()
    {
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_pruned_replica_that_lost_its_projection_is_rebuilt_from_the_snapshot_and_the_log_behind_it()
    {
        Replica replica = await OpenAsync(FileReplicaStore.Create(directory, Identity(), options));
        await WriteAsync(replica, 0, 400);
        long before = LogLengthBytes();
        Snapshot snapshot = await replica.TakeSnapshotAsync();
        await WriteAsync(replica, 400, 450);
        Assert.Equal(PruneOutcome.Pruned, (await replica.PruneAsync()).Outcome);
        Assert.True(LogLengthBytes() < before / 2, $"{LogLengthBytes()} of {before} bytes are left.");
        Assert.Equal(snapshot.Vector, replica.PrunedTo);
        (string[] expected, ReplicaStatus status) = (Read(replica), await replica.GetStatusAsync());
        await replica.DisposeAsync();

        for (int opening = 0; opening < 3; opening++)
        {
            // The second time the projection is lost, the third time it is there again.
            if (opening == 1)
                Directory.Delete(Path.Combine(directory, "projection"), recursive: true);
            replica = await OpenAsync(FileReplicaStore.Open(directory, options));
            Assert.Equal(expected, Read(replica));
            ReplicaStatus now = await replica.GetStatusAsync();
            Assert.Equal((status.Digest, status.Entities, status.Pending), (now.Digest, now.Entities, now.Pending));
            Assert.Equal(status.Vector, now.Vector);
            Assert.Equal(snapshot.Vector, replica.PrunedTo);
            Assert.Empty((await replica.AuditAsync()).Unaccounted);
            await WriteAsync(replica, 450 + opening, 451 + opening);
            (expected, status) = (Read(replica), await replica.GetStatusAsync());
            await replica.DisposeAsync();
        }

        replica = await OpenAsync(FileReplicaStore.Open(directory, options));
        Snapshot later = await replica.TakeSnapshotAsync();
        Assert.Equal(PruneOutcome.Pruned, (await replica.PruneAsync()).Outcome);
        Assert.Equal(later.Vector, replica.PrunedTo);
        await replica.DisposeAsync();
        Directory.Delete(Path.Combine(directory, "projection"), recursive: true);
        replica = await OpenAsync(FileReplicaStore.Open(directory, options));
        Assert.Equal(expected, Read(replica));
        await replica.DisposeAsync();
    }

    private static EntityKey Key(int i) => new("incident", "strike", $"{i:D4}");

    private static async Task WriteAsync(Replica replica, int from, int to)
    {
        for (int i = from; i < to; i++)
        {
            await replica.CommitAsync(tx => tx.Create(Key(i)).Set("n", i).Add("tags", "new").Increment("views", i));
            if (i % 3 == 0)
                await replica.CommitAsync(tx => tx.Update(Key(i)).Set("note", $"seen {i}"));
            if (i % 10 == 9)
                await replica.CommitAsync(tx => tx.Delete(Key(i - 5)));
        }
    }

    private static string[] Read(Replica replica) =>
        [.. replica.Query("incident", "strike").Select(e => $"{e.Key} {e.ToJson()} {e.Version}")];

    private static ReplicaIdentity Identity(SpaceGenesis genesis) =>
        new(genesis.Space, new ReplicaId(new Guid("0a000000-0000-4000-8000-000000000001")), ReplicaRole.Server);

    private ReplicaIdentity Identity() => Identity(genesis);

    private async Task<Replica> OpenAsync(FileReplicaStore store) => await Replica.OpenAsync(
        store, new ReplicaOptions { Time = TimeProvider.System, Genesis = genesis, ProjectedEntitiesPerUpdate = 50 });

    private long LogLengthBytes() =>
        new DirectoryInfo(Path.Combine(directory, "log")).GetFiles("*.seg").Sum(f => f.Length);
}
