namespace Crdt;

/// <summary>Content that is being taken in. Disposed before it is complete, nothing of it stays.</summary>
public interface IBlobDraft : IAsyncDisposable
{
    /// <summary>Takes the next bytes.</summary>
    /// <exception cref="BlobException"><see cref="BlobError.QuotaExceeded"/>, <see cref="BlobError.TooLarge"/>.</exception>
    ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>Ends it: the content survives power loss from then on.</summary>
    /// <returns>Which it is.</returns>
    ValueTask<(BlobHash Root, BlobHash Sha256, long Size)> CompleteAsync(CancellationToken cancellationToken);
}
