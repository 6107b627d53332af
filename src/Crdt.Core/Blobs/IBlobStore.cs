namespace Crdt;

/// <summary>Where a replica keeps the content of blobs, chunk by chunk (<see cref="BlobTree"/>). Content that is there already is
/// not kept twice. Safe for concurrent use; memory does not grow with the size of a blob.</summary>
/// <remarks>What is read is verified: a chunk that was damaged on the disk is not there any more from that moment, and is
/// listed by <see cref="BlobHolding.Damaged"/> until it has come again. A failure of the environment is a store's own exception,
/// after which nothing of the call has happened. The empty blob is
/// always there, takes nothing and is not listed.</remarks>
public interface IBlobStore : IAsyncDisposable
{
    /// <summary>The most that the chunks of all blobs may take, in bytes; <see cref="long.MaxValue"/> without a limit.</summary>
    long QuotaBytes { get; set; }

    /// <summary>What the chunks that are there take, in bytes.</summary>
    long UsedBytes { get; }

    /// <summary>What is there, whole or in part, in order of roots.</summary>
    IReadOnlyList<BlobHolding> List();

    /// <summary>What is there of a blob; <see langword="null"/> if nothing.</summary>
    BlobHolding? Find(BlobHash root);

    /// <summary>The first chunk from one on that is there, or is not; the number of all, or more, if there is no such. Where nothing of
    /// the blob is there, no chunk is, and every chunk is not.</summary>
    /// <param name="root">The blob's.</param>
    /// <param name="from">Where to begin.</param>
    /// <param name="isThere">Which kind.</param>
    int FindNext(BlobHash root, int from, bool isThere);

    /// <summary>Begins to take content in, of any length. Of what is complete the SHA-256 is known.</summary>
    ValueTask<IBlobDraft> CreateAsync(CancellationToken cancellationToken);

    /// <summary>Keeps a chunk that came from elsewhere, once it is verified. It may be lost with the power until
    /// <see cref="SyncAsync"/> or until the blob is whole.</summary>
    /// <param name="root">The blob's.</param>
    /// <param name="size">The blob's length in bytes.</param>
    /// <param name="chunk">Which chunk.</param>
    /// <param name="content">Its bytes.</param>
    /// <param name="proof">The hashes of <see cref="BlobTree.ProofOf"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Whether it was news.</returns>
    /// <exception cref="BlobException"><see cref="BlobError.ChunkRefused"/>: it is not that chunk;
    /// <see cref="BlobError.QuotaExceeded"/>.</exception>
    ValueTask<bool> WriteAsync(
        BlobHash root, long size, int chunk, ReadOnlyMemory<byte> content, ReadOnlyMemory<BlobHash> proof, CancellationToken cancellationToken);

    /// <summary>Reads a chunk and verifies it.</summary>
    /// <param name="root">The blob's.</param>
    /// <param name="chunk">Which chunk.</param>
    /// <param name="buffer">Takes it; <see cref="BlobTree.ChunkLengthBytes"/> long.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Its length; -1 if it is not there, or is damaged.</returns>
    ValueTask<int> ReadAsync(BlobHash root, int chunk, Memory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>The hashes that prove a chunk which is there (<see cref="BlobTree.ProofOf"/>); <see langword="null"/> if it is
    /// not.</summary>
    BlobHash[]? ReadProof(BlobHash root, int chunk);

    /// <summary>The SHA-256 of the whole, once that was computed, whatever has become of its chunks since;
    /// <see langword="null"/> if it was not, or nothing of the blob is there.</summary>
    BlobHash? FindSha256(BlobHash root);

    /// <summary>Keeps with a blob what the SHA-256 of the whole was found to be (<see cref="FindSha256"/>), as long as
    /// something of it is there. It may be lost with the power.</summary>
    ValueTask NoteSha256Async(BlobHash root, BlobHash sha256, CancellationToken cancellationToken);

    /// <summary>Completes once what is there of a blob survives power loss.</summary>
    ValueTask SyncAsync(BlobHash root, CancellationToken cancellationToken);

    /// <summary>Forgets the content of a blob.</summary>
    /// <returns>Whether there was something.</returns>
    ValueTask<bool> RemoveAsync(BlobHash root, CancellationToken cancellationToken);
}
