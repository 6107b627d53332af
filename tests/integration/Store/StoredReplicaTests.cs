using Crdt.Store;

namespace Crdt.Integration.Store;

/// <summary>The replica engine on files.</summary>
public sealed class StoredReplicaTests : IDisposable
{
    private readonly string directory = Path.Combine(Path.GetTempPath(), $"crdt-replica-{Guid.NewGuid():N}");

    private readonly SpaceGenesis genesis = SpaceGenesis.Create(
        new ReplicaId(new Guid("0c000000-0000-4000-8000-000000000003")), "strikes", [], TimeProvider.System);

    public void Dispose()
    {
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_replica_reopened_is_what_it_was_with_its_projection_behind_whole_lost_or_up_to_date()
    {
        string[] expected;
        StateDigest digest;
        Replica replica = await OpenAsync(FileReplicaStore.Create(directory, Identity()));
        for (int i = 0; i < 300; i++)
        {
            await replica.CommitAsync(tx => tx.Create(Key(i)).Set("n", i).Add("tags", "new").Increment("views", i));
            if (i % 3 == 0)
                await replica.CommitAsync(tx => tx.Update(Key(i)).Set("note", $"seen {i}"));
            if (i % 10 == 9)
                await replica.CommitAsync(tx => tx.Delete(Key(i - 5)));
            // A copy of the files while in use is what a killed process leaves.
            if (i == 200)
                await CheckCopyAsync(replica, "killed");
        }
        await CheckCopyAsync(replica, "killed later");
        (expected, digest) = (Read(replica), (await replica.GetStatusAsync()).Digest);
        await replica.DisposeAsync();

        replica = await OpenAsync(FileReplicaStore.Open(directory));
        Assert.Equal(expected, Read(replica));
        Assert.Equal(digest, (await replica.GetStatusAsync()).Digest);
        await replica.DisposeAsync();

        // Without its projection, and with a damaged one, it is rebuilt from the log.
        string data = Path.Combine(directory, "projection", "data.pages");
        byte[] bytes = File.ReadAllBytes(data);
        foreach (int flipped in new[] { 10, bytes.Length / 2, bytes.Length - 100 })
        {
            byte[] damaged = [.. bytes];
            damaged[flipped] ^= 4;
            File.WriteAllBytes(data, damaged);
            replica = await OpenRepairedAsync(expected);
            Assert.Equal(expected, Read(replica));
            Assert.Equal(digest, (await replica.GetStatusAsync()).Digest);
            await replica.DisposeAsync();
            bytes = File.ReadAllBytes(data);
        }
    }

    [Fact]
    public async Task A_replica_with_a_small_cache_reads_and_edits_what_it_forgot()
    {
        var options = new ReplicaOptions
        {
            Time = TimeProvider.System,
            Genesis = genesis,
            CachedEntitiesMax = 100,
            ProjectedEntitiesPerUpdate = 50,
        };
        await using Replica replica = await Replica.OpenAsync(FileReplicaStore.Create(directory, Identity()), options);
        for (int i = 0; i < 1000; i++)
            await replica.CommitAsync(tx => tx.Create(Key(i)).Set("n", i));
        await replica.FlushAsync();
        for (int i = 0; i < 1000; i += 7)
            await replica.CommitAsync(tx => tx.Update(Key(i)).Set("n", -i));

        Assert.Null(replica.ProjectionError);
        Assert.Equal(1000, replica.Query("incident", "strike").Count());
        for (int i = 0; i < 1000; i++)
            Assert.Equal(i % 7 == 0 ? -i : i, replica.Get(Key(i))!.GetInteger("n"));
        await Assert.ThrowsAsync<MutationException>(async () => await replica.CommitAsync(tx => tx.Create(Key(3))));
    }

    private static EntityKey Key(int number) => new("incident", "strike", $"{number:D4}");

    private static string[] Read(Replica replica) =>
        [.. replica.Query("incident", "strike").Select(e => $"{e.Key} {e.ToJson()}")];

    private ReplicaIdentity Identity() =>
        new(genesis.Space, new ReplicaId(new Guid("0a000000-0000-4000-8000-000000000001")), ReplicaRole.Client);

    private ValueTask<Replica> OpenAsync(FileReplicaStore store) => Replica.OpenAsync(
        store, new ReplicaOptions { Time = TimeProvider.System, Genesis = genesis, ProjectedEntitiesPerUpdate = 40 });

    // Damage shows at opening, or when somebody comes to the page; then the next opening begins anew.
    private async Task<Replica> OpenRepairedAsync(string[] expected)
    {
        for (int attempt = 0; ; attempt++)
        {
            FileReplicaStore store = FileReplicaStore.Open(directory);
            Replica? replica = null;
            try
            {
                replica = await OpenAsync(store);
                Assert.Equal(expected, Read(replica));
                return replica;
            }
            catch (StoreException e) when (e.Error == StoreError.ProjectionDamaged && attempt == 0)
            {
                await (replica?.DisposeAsync() ?? store.DisposeAsync());
            }
        }
    }

    private async Task CheckCopyAsync(Replica replica, string name)
    {
        // So that nothing is being written while the files are copied, and the projection is behind the log.
        await replica.FlushAsync();
        for (int i = 0; i < 10; i++)
            await replica.CommitAsync(tx => tx.Update(Key(i * 10)).Set("copied", name));
        string copy = Path.Combine(directory, name);
        string[] before = Read(replica);
        foreach (string part in new[] { "log", "projection" })
        {
            Directory.CreateDirectory(Path.Combine(copy, part));
            foreach (string file in Directory.GetFiles(Path.Combine(directory, part)))
            {
                string fileName = Path.GetFileName(file);
                if (fileName != "lock")
                    await CopyAsync(file, Path.Combine(copy, part, fileName));
            }
        }
        await using Replica opened = await OpenAsync(FileReplicaStore.Open(copy));
        Assert.Equal(before, Read(opened));
        Assert.Equal((await replica.GetStatusAsync()).Digest, (await opened.GetStatusAsync()).Digest);
    }

    private static async Task CopyAsync(string from, string to)
    {
        await using var source = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        await using var target = new FileStream(to, FileMode.Create);
        await source.CopyToAsync(target);
    }
}
