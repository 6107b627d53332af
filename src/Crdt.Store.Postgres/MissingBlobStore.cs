namespace Crdt.Store.Postgres;

/// <summary>Stands for a place for attachments that nobody has given: it holds nothing, and has no room.</summary>
internal sealed class MissingBlobStore : IBlobStore
{
    public long QuotaBytes
    {
        get => 0;
        set { } // there is no room whatever the quota
    }

    public long UsedBytes => 0;

    public IReadOnlyList<BlobHolding> List() => [];

    public BlobHolding? Find(BlobHash root) => root == BlobTree.EmptyRoot ? new BlobHolding(root, 0, 0, 0, 0) : null;

    public int FindNext(BlobHash root, int from, bool isThere) => isThere ? int.MaxValue : from;

    public ValueTask<IBlobDraft> CreateAsync(CancellationToken cancellationToken) => throw Missing();

    public ValueTask<bool> WriteAsync(
        BlobHash root, long size, int chunk, ReadOnlyMemory<byte> content, ReadOnlyMemory<BlobHash> proof, CancellationToken cancellationToken) =>
        throw Missing();

    public ValueTask<int> ReadAsync(BlobHash root, int chunk, Memory<byte> buffer, CancellationToken cancellationToken) => ValueTask.FromResult(-1);

    public BlobHash[]? ReadProof(BlobHash root, int chunk) => null;

    public BlobHash? FindSha256(BlobHash root) => BlobTree.EmptySha256Of(root);

    public ValueTask NoteSha256Async(BlobHash root, BlobHash sha256, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask SyncAsync(BlobHash root, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask<bool> RemoveAsync(BlobHash root, CancellationToken cancellationToken) => ValueTask.FromResult(false);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static BlobException Missing() => new(BlobError.QuotaExceeded,
        $"This replica has no place for attachments: {nameof(PostgresStoreOptions)}.{nameof(PostgresStoreOptions.Blobs)} gives it one.");
}
