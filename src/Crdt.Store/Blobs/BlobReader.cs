using System.Buffers;

namespace Crdt.Store.Blobs;

/// <summary>Reads chunks and nodes of one blob, and tells right from wrong.</summary>
internal sealed class BlobReader(StoredBlob blob, OpenBlob open)
{
    private readonly List<(long Position, BlobHash Hash)> recomputed = [];

    /// <summary>Nodes that were damaged, and came out again from those below them.</summary>
    public IReadOnlyList<(long Position, BlobHash Hash)> Recomputed => recomputed;

    /// <summary>Reads a chunk and verifies it up to the root.</summary>
    public bool TryRead(int chunk, Span<byte> buffer) =>
        TryReadBytes(chunk, buffer) && Prove(chunk, BlobTree.HashLeaf(buffer[..blob.Tree.LengthOf(chunk)])) is not null;

    /// <summary>The proof of a chunk that is there; null if it cannot be proven.</summary>
    public BlobHash[]? Prove(int chunk) => NodeAt(0, chunk) is { } leaf ? Prove(chunk, leaf) : null;

    /// <summary>The node of a place, as stored; false if it is damaged, or was never written.</summary>
    public bool TryReadNode(long position, out BlobHash hash)
    {
        if (blob.TryGetNode(position, out hash)) return true;
        Span<byte> node = stackalloc byte[open.Format.NodeLengthBytes];
        try
        {
            if (open.File.Read(node, open.Format.OffsetOfNode(position)) < node.Length || !open.Format.TryOpenNode(node, position, out hash)) return false;
        }
        catch (IOException)
        {
            return false; // as for a chunk
        }
        blob.KeepNode(position, hash);
        return true;
    }

    private BlobHash[]? Prove(int chunk, BlobHash leaf)
    {
        BlobHash[] proof = new BlobHash[BlobTree.ProofHashesMax];
        int count = 0;
        foreach ((int level, int index) in blob.Tree.ProofOf(chunk))
        {
            if (NodeAt(level, index) is not { } beside) return null;
            proof[count++] = beside;
        }
        return blob.Tree.Verifies(blob.Root, chunk, leaf, proof.AsSpan(0, count)) ? proof[..count] : null;
    }

    /// <summary>A node as stored; where it is damaged, from those below it.</summary>
    private BlobHash? NodeAt(int level, int index)
    {
        (level, index) = blob.Tree.Settle(level, index);
        long position = blob.Tree.PositionOf(level, index);
        if (TryReadNode(position, out BlobHash hash)) return hash;
        BlobHash? found;
        if (level == 0) found = blob.Holds(index, out _) ? HashOf(index) : null;
        else found = NodeAt(level - 1, 2 * index) is { } left && NodeAt(level - 1, (2 * index) + 1) is { } right ? BlobTree.HashNode(left, right) : null;
        if (found is { } node) recomputed.Add((position, node));
        return found;
    }

    private BlobHash? HashOf(int chunk)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BlobTree.ChunkLengthBytes);
        try
        {
            return TryReadBytes(chunk, buffer) ? BlobTree.HashLeaf(buffer.AsSpan(0, blob.Tree.LengthOf(chunk))) : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private bool TryReadBytes(int chunk, Span<byte> buffer)
    {
        int length = blob.Tree.LengthOf(chunk), envelope = open.Format.EnvelopeLengthBytes;
        long offset = open.Format.OffsetOfChunk(chunk);
        try
        {
            if (envelope == 0) return open.File.Read(buffer[..length], offset) == length;
            byte[] stored = ArrayPool<byte>.Shared.Rent(length + envelope);
            try
            {
                Span<byte> sealedChunk = stored.AsSpan(0, length + envelope);
                if (open.File.Read(sealedChunk, offset) < sealedChunk.Length || !open.Format.TryOpenChunk(sealedChunk, chunk)) return false;
                sealedChunk[..length].CopyTo(buffer);
                return true;
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(stored, clearArray: true);
            }
        }
        catch (IOException)
        {
            // A sector that cannot be read is damage like any other: written again, it gets another place.
            return false;
        }
    }
}
