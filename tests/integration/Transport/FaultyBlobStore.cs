namespace Crdt.Integration.Transport;

/// <summary>A store of blobs that lies, stops or is counted when chunks are read.</summary>
internal sealed class FaultyBlobStore : IBlobStore
{
    private readonly MemoryBlobStore inner = new();
    private readonly TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int reads;

    /// <summary>Which chunks are read wrongly.</summary>
    public Func<int, bool> LiesAbout { get; init; } = _ => false;

    /// <summary>How many reads go through before the next one waits for <see cref="Go"/>.</summary>
    public int StopsAfter { get; init; } = int.MaxValue;

    public int Reads => Volatile.Read(ref reads);

    public long QuotaBytes { get => inner.QuotaBytes; set => inner.QuotaBytes = value; }

    public long UsedBytes => inner.UsedBytes;

    /// <summary>The content is gone, as if its file were.</summary>
    public ValueTask<bool> LoseAsync(BlobHash root) => inner.RemoveAsync(root, default);

    public void Go() => go.TrySetResult();

    public IReadOnlyList<BlobHolding> List() => inner.List();

    public BlobHolding? Find(BlobHash root) => inner.Find(root);

    public int FindNext(BlobHash root, int from, bool isThere) => inner.FindNext(root, from, isThere);

    public ValueTask<IBlobDraft> CreateAsync(CancellationToken cancellationToken) => inner.CreateAsync(cancellationToken);

    public ValueTask<bool> WriteAsync(
        BlobHash root, long size, int chunk, ReadOnlyMemory<byte> content, ReadOnlyMemory<BlobHash> proof, CancellationToken cancellationToken) =>
        inner.WriteAsync(root, size, chunk, content, proof, cancellationToken);

    public async ValueTask<int> ReadAsync(BlobHash root, int chunk, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref reads) > StopsAfter) await go.Task;
        int length = await inner.ReadAsync(root, chunk, buffer, cancellationToken);
        if (LiesAbout(chunk)) buffer.Span[0] ^= 1;
        return length;
    }

    public BlobHash[]? ReadProof(BlobHash root, int chunk) => inner.ReadProof(root, chunk);

    public ValueTask SyncAsync(BlobHash root, CancellationToken cancellationToken) => inner.SyncAsync(root, cancellationToken);

    public ValueTask<bool> RemoveAsync(BlobHash root, CancellationToken cancellationToken) => inner.RemoveAsync(root, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
