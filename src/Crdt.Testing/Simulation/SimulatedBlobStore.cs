namespace Crdt.Testing.Simulation;

/// <summary>A replica's store of attachments on the simulated disk of its <see cref="SimulatedStore"/>: a crash takes chunks
/// that came and were not made durable, and nothing else. Every call completes at once, on the caller's thread.</summary>
internal sealed class SimulatedBlobStore(SimulatedStore disk, PlantedBug bug) : IBlobStore
{
    private readonly MemoryBlobStore held = new();
    private readonly List<(BlobHash Root, int Chunk)> unsynced = [];

    public long QuotaBytes
    {
        get => held.QuotaBytes;
        set => held.QuotaBytes = value;
    }

    public long UsedBytes => held.UsedBytes;

    public IReadOnlyList<BlobHolding> List() => held.List();

    public BlobHolding? Find(BlobHash root) => held.Find(root);

    public int FindNext(BlobHash root, int from, bool isThere) => held.FindNext(root, from, isThere);

    public ValueTask<IBlobDraft> CreateAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<IBlobDraft>(new Draft(this, SimulationRun.Now(held.CreateAsync(cancellationToken))));

    public ValueTask<bool> WriteAsync(
        BlobHash root, long size, int chunk, ReadOnlyMemory<byte> content, ReadOnlyMemory<BlobHash> proof, CancellationToken cancellationToken)
    {
        bool isNews = false;
        disk.Write(() =>
        {
            isNews = SimulationRun.Now(held.WriteAsync(root, size, chunk, content, proof, cancellationToken));
            if (isNews) unsynced.Add((root, chunk));
            if (held.Find(root) is { IsWhole: true }) NoteDurable(root);
        });
        return ValueTask.FromResult(isNews);
    }

    public ValueTask<int> ReadAsync(BlobHash root, int chunk, Memory<byte> buffer, CancellationToken cancellationToken) =>
        held.ReadAsync(root, chunk, buffer, cancellationToken);

    public BlobHash[]? ReadProof(BlobHash root, int chunk) => held.ReadProof(root, chunk);

    public BlobHash? FindSha256(BlobHash root) => held.FindSha256(root);

    public ValueTask NoteSha256Async(BlobHash root, BlobHash sha256, CancellationToken cancellationToken) =>
        held.NoteSha256Async(root, sha256, cancellationToken);

    public ValueTask SyncAsync(BlobHash root, CancellationToken cancellationToken)
    {
        disk.Write(() => NoteDurable(root));
        return ValueTask.CompletedTask;
    }

    public ValueTask<bool> RemoveAsync(BlobHash root, CancellationToken cancellationToken)
    {
        bool wasThere = false;
        disk.Write(() =>
        {
            unsynced.RemoveAll(u => u.Root == root);
            wasThere = SimulationRun.Now(held.RemoveAsync(root, cancellationToken));
        });
        return ValueTask.FromResult(wasThere);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>What a crash leaves: all that was made durable, and some of the rest.</summary>
    /// <param name="kept">Which, by its bits.</param>
    public void Restart(int kept)
    {
        (BlobHash Root, int Chunk)[] lost = [.. unsynced.Where((_, i) => ((kept >> (i % 3)) & 1) == 0)];
        foreach (BlobHash root in lost.Select(l => l.Root).Distinct()) Keep(root, chunk => !lost.Contains((root, chunk)));
        unsynced.Clear();
    }

    /// <summary>Takes everything that another one has.</summary>
    public void CopyFrom(SimulatedBlobStore other)
    {
        foreach (BlobHolding blob in other.held.List()) Copy(other.held, blob, static _ => true);
    }

    private void NoteDurable(BlobHash root)
    {
        if (bug != PlantedBug.BlobsForgotten) unsynced.RemoveAll(u => u.Root == root);
    }

    private void Keep(BlobHash root, Func<int, bool> isKept)
    {
        if (held.Find(root) is not { } blob) return;
        var before = new MemoryBlobStore();
        Copy(held, blob, isKept, before);
        SimulationRun.Now(held.RemoveAsync(root, CancellationToken.None));
        Copy(before, blob, static _ => true);
    }

    private void Copy(MemoryBlobStore from, BlobHolding blob, Func<int, bool> isWanted, MemoryBlobStore? to = null)
    {
        to ??= held;
        long quota = to.QuotaBytes;
        to.QuotaBytes = long.MaxValue;
        byte[] buffer = new byte[BlobTree.ChunkLengthBytes];
        int chunks = new BlobTree(blob.Size).Chunks;
        for (int chunk = from.FindNext(blob.Root, 0, isThere: true); chunk < chunks; chunk = from.FindNext(blob.Root, chunk + 1, isThere: true))
        {
            if (!isWanted(chunk)) continue;
            int length = SimulationRun.Now(from.ReadAsync(blob.Root, chunk, buffer, CancellationToken.None));
            SimulationRun.Now(to.WriteAsync(
                blob.Root, blob.Size, chunk, buffer.AsMemory(0, length), from.ReadProof(blob.Root, chunk), CancellationToken.None));
        }
        to.QuotaBytes = quota;
    }

    private sealed class Draft(SimulatedBlobStore store, IBlobDraft draft) : IBlobDraft
    {
        public ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => draft.AppendAsync(bytes, cancellationToken);

        public ValueTask<(BlobHash Root, BlobHash Sha256, long Size)> CompleteAsync(CancellationToken cancellationToken)
        {
            (BlobHash Root, BlobHash Sha256, long Size) complete = default;
            store.Disk.Write(() =>
            {
                complete = SimulationRun.Now(draft.CompleteAsync(cancellationToken));
                store.NoteDurable(complete.Root);
            });
            return ValueTask.FromResult(complete);
        }

        public ValueTask DisposeAsync() => draft.DisposeAsync();
    }

    private SimulatedStore Disk => disk;
}
