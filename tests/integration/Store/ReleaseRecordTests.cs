using Crdt.Store;

namespace Crdt.Integration.Store;

/// <summary>Real files, copied and restored: noticed at opening, without any peer.</summary>
public sealed class ReleaseRecordTests : IDisposable
{
    private static readonly EntityKey Strike = new("incident", "strike", "1");

    private readonly string root = Path.Combine(Path.GetTempPath(), "crdt-release-" + Guid.NewGuid().ToString("N"));
    private readonly SpaceGenesis genesis = SpaceGenesis.Create(
        new ReplicaId(Guid.NewGuid()), "test", [], TimeProvider.System);

    public void Dispose()
    {
        if (Directory.Exists(root))
            Directory.Delete(root, recursive: true);
    }

    [Fact]
    [Trait("Law", "13")]
    public async Task A_copied_directory_goes_on_under_a_new_id_and_the_original_under_its_own()
    {
        ReplicaId id;
        await using (Replica original = await OpenAsync("a", "a.released"))
        {
            id = original.Id;
            await original.CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        }
        Copy("a", "b");
        await using Replica again = await OpenAsync("a", "a.released");
        await using Replica copy = await OpenAsync("b", "b.released");
        Assert.Equal(id, again.Id);
        Assert.NotEqual(id, copy.Id);
        Assert.Equal([id], copy.FormerIds);
        Assert.Equal("gull", copy.Get(Strike)!.GetString("species"));
        CommitResult made = await copy.CommitAsync(tx => tx.Update(Strike).Set("species", "heron"));
        Assert.Equal((copy.Id, 1), (made.Replica, made.FirstSequence));
    }

    [Fact]
    [Trait("Law", "13")]
    public async Task A_restored_backup_goes_on_under_a_new_id_also_after_being_opened_again()
    {
        ReplicaId id;
        await using (Replica replica = await OpenAsync("a", "a.released"))
        {
            id = replica.Id;
            await replica.CommitAsync(tx => tx.Create(Strike).Set("species", "gull"));
        }
        Copy("a", "backup");
        await using Replica peer = await OpenAsync("peer", "peer.released");
        await using (Replica replica = await OpenAsync("a", "a.released"))
        {
            Assert.Equal(id, replica.Id);
            await replica.CommitAsync(tx => tx.Update(Strike).Set("species", "heron"));
            await MeetAsync(replica, peer);
        }
        Directory.Delete(Path.Combine(root, "a"), recursive: true);
        Copy("backup", "a");
        ReplicaId next;
        await using (Replica restored = await OpenAsync("a", "a.released"))
        {
            next = restored.Id;
            Assert.NotEqual(id, next);
            await restored.CommitAsync(tx => tx.Update(Strike).Set("size", 3));
        }
        await using (Replica restored = await OpenAsync("a", "a.released"))
        {
            Assert.Equal(next, restored.Id);
            await MeetAsync(restored, peer);
            Assert.Equal("""{"size":3,"species":"heron"}""", restored.Get(Strike)!.ToJson());
            Assert.Equal(restored.Get(Strike)!.ToJson(), peer.Get(Strike)!.ToJson());
            Assert.Empty(restored.Fences);
            Assert.Empty(restored.Forks);
        }
    }

    [Fact]
    public async Task A_record_comes_back_as_written_and_a_damaged_one_counts_as_none()
    {
        string path = Path.Combine(root, "state", "r.released");
        var record = new FileReleaseRecord(path);
        Assert.Null(await record.ReadAsync(default));
        byte[] hash = new byte[32];
        Random.Shared.NextBytes(hash);
        var head = new ChainHead(new ReplicaId(Guid.NewGuid()), 7, hash);
        await record.WriteAsync(head with { Sequence = 6 }, default);
        await record.WriteAsync(head, default);
        ChainHead read = (await new FileReleaseRecord(path).ReadAsync(default))!.Value;
        Assert.Equal((head.Author, 7), (read.Author, read.Sequence));
        Assert.Equal(hash, read.Hash.ToArray());
        byte[] bytes = await File.ReadAllBytesAsync(path);
        bytes[20] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        Assert.Null(await record.ReadAsync(default));
        await File.WriteAllBytesAsync(path, bytes[..30]);
        Assert.Null(await record.ReadAsync(default));
    }

    private async Task<Replica> OpenAsync(string directory, string record)
    {
        string path = Path.Combine(root, directory);
        FileReplicaStore store = FileReplicaStore.Exists(path)
            ? FileReplicaStore.Open(path)
            : FileReplicaStore.Create(path, new(genesis.Space, new ReplicaId(Guid.NewGuid()), ReplicaRole.Client));
        return await Replica.OpenAsync(store, new ReplicaOptions
        {
            Time = TimeProvider.System,
            Genesis = genesis,
            NewReplicaId = static () => new ReplicaId(Guid.NewGuid()),
            ReleaseRecord = new FileReleaseRecord(Path.Combine(root, record)),
        });
    }

    private void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(root, from), "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(root, to, Path.GetRelativePath(Path.Combine(root, from), file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private static async Task MeetAsync(Replica a, Replica b)
    {
        using var left = new SyncSession(a);
        using var right = new SyncSession(b);
        while (await PassAsync(left, right) | await PassAsync(right, left))
        {
            // Until both have said everything.
        }
        Assert.True(left.IsInSync && right.IsInSync);
    }

    private static async Task<bool> PassAsync(SyncSession from, SyncSession to)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        if (!await from.WriteNextAsync(buffer, default)) return false;
        await to.ReceiveAsync(new System.Buffers.ReadOnlySequence<byte>(buffer.WrittenMemory), default);
        return true;
    }
}
