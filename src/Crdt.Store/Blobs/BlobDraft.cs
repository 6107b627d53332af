using System.Security.Cryptography;
using Crdt.Store.Disk;

namespace Crdt.Store.Blobs;

/// <summary>Content that is being taken in: its file grows record by record, and gets its beginning, its end and its name when all
/// of it is there.</summary>
internal sealed class BlobDraft : IBlobDraft
{
    private readonly FileBlobStore store;
    private readonly BlobFormat format;
    private readonly string path;
    private readonly IDiskFile file;
    private readonly IncrementalHash sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly BlobTreeBuilder builder;
    private readonly byte[] buffer;
    private readonly byte[] node;
    private int filled;
    private long size;
    private bool isOver;
    private StoreException? problem;

    public BlobDraft(FileBlobStore store, BlobFormat format)
    {
        (this.store, this.format) = (store, format);
        path = store.NewDraftPath();
        file = store.Disk.Open(path, DiskOpenMode.Create);
        buffer = new byte[format.LeafAndChunkLengthBytes];
        node = new byte[format.NodeLengthBytes];
        builder = new BlobTreeBuilder(StoreNode);
    }

    private Span<byte> Content => buffer.AsSpan(format.NodeLengthBytes, BlobTree.ChunkLengthBytes);

    public async ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfOver();
        if (size + bytes.Length > Blob.SizeMax) throw BlobException.OverSize();
        store.Reserve(bytes.Length);
        size += bytes.Length;
        if (filled + bytes.Length < BlobTree.ChunkLengthBytes) Take(bytes.Span);
        else await Task.Run(() => Attempt(() => Take(bytes.Span)), CancellationToken.None).ConfigureAwait(false);
    }

    public async ValueTask<(BlobHash Root, BlobHash Sha256, long Size)> CompleteAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfOver();
        (BlobHash root, BlobHash whole) = (default, default);
        await Task.Run(() => Attempt(() => (root, whole) = Complete()), CancellationToken.None).ConfigureAwait(false);
        return (root, whole, size);
    }

    public async ValueTask DisposeAsync()
    {
        sha256.Dispose();
        if (isOver) return;
        isOver = true;
        store.Release(size);
        await Task.Run(Drop).ConfigureAwait(false);
    }

    private void ThrowIfOver()
    {
        ObjectDisposedException.ThrowIf(isOver, this);
        store.ThrowIfClosed();
        if (problem is not null) throw new StoreException(problem.Error, problem.Message, problem);
    }

    private void Attempt(Action work)
    {
        try
        {
            FileBlobStore.Guarded("Taking content in", () =>
            {
                work();
                return true;
            });
        }
        catch (StoreException e)
        {
            problem = e;
            throw;
        }
    }

    private void Take(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int count = Math.Min(bytes.Length, BlobTree.ChunkLengthBytes - filled);
            bytes[..count].CopyTo(Content[filled..]);
            filled += count;
            bytes = bytes[count..];
            if (filled == BlobTree.ChunkLengthBytes) WriteChunk();
        }
    }

    private void WriteChunk()
    {
        int chunk = builder.Leaves;
        ReadOnlySpan<byte> content = Content[..filled];
        sha256.AppendData(content);
        BlobHash leaf = BlobTree.HashLeaf(content);
        Span<byte> both = buffer.AsSpan(0, format.NodeLengthBytes + filled + format.EnvelopeLengthBytes);
        format.SealChunk(both[format.NodeLengthBytes..], chunk);
        format.SealNode(both, 2L * chunk, leaf);
        file.Write(both, format.OffsetOfLeaf(chunk));
        filled = 0;
        builder.Add(leaf);
    }

    // Leaves lie with their chunks.
    private void StoreNode(long position, BlobHash hash)
    {
        if ((position & 1) == 0) return;
        format.SealNode(node, position, hash);
        file.Write(node, format.OffsetOfNode(position));
    }

    private (BlobHash Root, BlobHash Sha256) Complete()
    {
        if (filled > 0) WriteChunk();
        var tree = new BlobTree(size);
        BlobHash root = tree.RootOf(builder.Finish()), whole = BlobHash.FromBytes(sha256.GetHashAndReset());
        if (size == 0)
        {
            isOver = true;
            Drop();
            return (root, whole);
        }
        byte[] header = new byte[BlobFormat.HeaderLengthBytes];
        format.WriteHeader(header, root, size);
        file.Write(header, 0);
        file.Write(format.TailOf(tree, root, ChunkSet.Full(tree.Chunks), null), format.OffsetOfTail(tree));
        file.Write(format.SealSha256(whole), format.LengthOf(tree));
        file.Flush();
        file.Dispose();
        store.Adopt(root, whole, tree, format, path);
        isOver = true;
        return (root, whole);
    }

    private void Drop()
    {
        file.Dispose();
        store.Discard(path);
    }
}
