namespace Crdt.Testing;

/// <summary>A store of blobs in memory that lies, stops, fails, is damaged, or is counted, as a test says.</summary>
internal sealed class FaultyBlobStore : IBlobStore
{
    private readonly MemoryBlobStore inner = new();
    private readonly TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock gate = new();
    private readonly HashSet<(BlobHash Root, int Chunk)> rotten = [], damaged = []; // before and after somebody has noticed
    private int reads;

    /// <summary>Which chunks are read wrongly.</summary>
    public Func<int, bool> LiesAbout { get; init; } = _ => false;

    /// <summary>How many reads go through before the next one waits for <see cref="Go"/>.</summary>
    public int StopsAfter { get; init; } = int.MaxValue;

    /// <summary>What reading a chunk ends with instead, if anything.</summary>
    public Exception? ReadFailure { get; set; }

    /// <summary>What keeping a chunk ends with instead, if anything.</summary>
    public Exception? WriteFailure { get; set; }

    /// <summary>Called before something is made durable; may throw.</summary>
    public Action<BlobHash>? Syncing { get; set; }

    /// <summary>Called when content was taken in, before anybody is told.</summary>
    public Func<Task> Completed { get; set; } = () => Task.CompletedTask;

    /// <summary>Called when content is gone, before anybody is told.</summary>
    public Action<BlobHash>? Removed { get; set; }

    public int Reads => Volatile.Read(ref reads);

    public long QuotaBytes { get => inner.QuotaBytes; set => inner.QuotaBytes = value; }

    public long UsedBytes => inner.UsedBytes;

    /// <summary>The content is gone, as if its file were.</summary>
    public ValueTask<bool> LoseAsync(BlobHash root) => inner.RemoveAsync(root, default);

    /// <summary>A chunk is damaged where it lies: who reads it next notices.</summary>
    public void Damage(BlobHash root, int chunk)
    {
        lock (gate) rotten.Add((root, chunk));
    }

    public void Go() => go.TrySetResult();

    public IReadOnlyList<BlobHolding> List() => [.. inner.List().Select(held => Find(held.Root)!.Value)];

    public BlobHolding? Find(BlobHash root)
    {
        if (inner.Find(root) is not { } held) return null;
        int gone;
        lock (gate) gone = damaged.Count(d => d.Root == root);
        return gone == 0 ? held : held with { Chunks = held.Chunks - gone, Damaged = gone, First = FindNext(root, 0, isThere: false) };
    }

    public int FindNext(BlobHash root, int from, bool isThere)
    {
        lock (gate)
        {
            if (isThere)
            {
                int next = inner.FindNext(root, from, isThere: true);
                return damaged.Contains((root, next)) ? FindNext(root, next + 1, isThere: true) : next;
            }
            int missing = inner.FindNext(root, from, isThere: false);
            return damaged.Where(d => d.Root == root && d.Chunk >= from).Select(d => d.Chunk).Append(missing).Min();
        }
    }

    public async ValueTask<IBlobDraft> CreateAsync(CancellationToken cancellationToken) =>
        new Draft(this, await inner.CreateAsync(cancellationToken));

    public async ValueTask<bool> WriteAsync(
        BlobHash root, long size, int chunk, ReadOnlyMemory<byte> content, ReadOnlyMemory<BlobHash> proof, CancellationToken cancellationToken)
    {
        if (WriteFailure is { } failure) throw failure;
        bool isNews = await inner.WriteAsync(root, size, chunk, content, proof, cancellationToken);
        lock (gate)
        {
            rotten.Remove((root, chunk));
            return damaged.Remove((root, chunk)) || isNews;
        }
    }

    public async ValueTask<int> ReadAsync(BlobHash root, int chunk, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref reads) > StopsAfter) await go.Task;
        if (ReadFailure is { } failure) throw failure;
        lock (gate)
        {
            if (rotten.Remove((root, chunk))) damaged.Add((root, chunk));
            if (damaged.Contains((root, chunk))) return -1;
        }
        int length = await inner.ReadAsync(root, chunk, buffer, cancellationToken);
        if (LiesAbout(chunk)) buffer.Span[0] ^= 1;
        return length;
    }

    public BlobHash[]? ReadProof(BlobHash root, int chunk)
    {
        lock (gate) return damaged.Contains((root, chunk)) ? null : inner.ReadProof(root, chunk);
    }

    public BlobHash? FindSha256(BlobHash root) => inner.FindSha256(root);

    public ValueTask NoteSha256Async(BlobHash root, BlobHash sha256, CancellationToken cancellationToken) =>
        inner.NoteSha256Async(root, sha256, cancellationToken);

    public async ValueTask SyncAsync(BlobHash root, CancellationToken cancellationToken)
    {
        Syncing?.Invoke(root);
        await inner.SyncAsync(root, cancellationToken);
    }

    public async ValueTask<bool> RemoveAsync(BlobHash root, CancellationToken cancellationToken)
    {
        ForgetDamage(root);
        bool wasThere = await inner.RemoveAsync(root, cancellationToken);
        Removed?.Invoke(root);
        return wasThere;
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private void ForgetDamage(BlobHash root)
    {
        lock (gate)
        {
            rotten.RemoveWhere(r => r.Root == root);
            damaged.RemoveWhere(d => d.Root == root);
        }
    }

    // What is taken in anew lies where the damage was.
    private sealed class Draft(FaultyBlobStore store, IBlobDraft draft) : IBlobDraft
    {
        public ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => draft.AppendAsync(bytes, cancellationToken);

        public async ValueTask<(BlobHash Root, BlobHash Sha256, long Size)> CompleteAsync(CancellationToken cancellationToken)
        {
            (BlobHash root, BlobHash sha256, long size) = await draft.CompleteAsync(cancellationToken);
            store.ForgetDamage(root);
            await store.Completed();
            return (root, sha256, size);
        }

        public ValueTask DisposeAsync() => draft.DisposeAsync();
    }
}
