namespace Crdt.Tiles;

/// <summary>A pack that is a blob: read chunk by chunk, each verified, whether or not the others have arrived.</summary>
/// <param name="blobs">The attachments of the replica that has it.</param>
/// <param name="blob">The pack.</param>
public sealed class BlobPackSource(ReplicaBlobs blobs, Blob blob) : IPackSource
{
    // Neighbouring tiles lie in one chunk, and a page asks for a dozen at once: each chunk is decrypted and verified once for them.
    private const int KeptChunks = 16;

    private readonly Lock gate = new();
    private readonly LinkedList<(int Chunk, byte[] Bytes)> kept = new();

    /// <inheritdoc/>
    public long Length => blob.Size;

    /// <inheritdoc/>
    public async ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        int count = (int)Math.Min(buffer.Length, Math.Max(0, Length - offset));
        for (int done = 0; done < count;)
        {
            int chunk = (int)((offset + done) / BlobTree.ChunkLengthBytes), within = (int)((offset + done) % BlobTree.ChunkLengthBytes);
            byte[] bytes = Find(chunk) ?? await ReadAsync(chunk, cancellationToken).ConfigureAwait(false);
            int copied = Math.Min(count - done, bytes.Length - within);
            bytes.AsMemory(within, copied).CopyTo(buffer[done..]);
            done += copied;
        }
        return count;
    }

    private async ValueTask<byte[]> ReadAsync(int chunk, CancellationToken cancellation)
    {
        byte[] bytes = new byte[new BlobTree(Length).LengthOf(chunk)];
        try
        {
            Stream stream = blobs.OpenRead(blob);
            await using (stream.ConfigureAwait(false))
            {
                stream.Position = BlobTree.Offset(chunk);
                await stream.ReadExactlyAsync(bytes, cancellation).ConfigureAwait(false);
            }
        }
        catch (BlobException e) when (e.Error == BlobError.Missing)
        {
            throw new TileException(TileError.NotHere, $"Chunk {chunk} of the pack '{blob.Name}' is not on this device yet.", e);
        }
        lock (gate)
        {
            kept.AddLast((chunk, bytes));
            if (kept.Count > KeptChunks) kept.RemoveFirst();
        }
        return bytes;
    }

    private byte[]? Find(int chunk)
    {
        lock (gate)
        {
            for (LinkedListNode<(int Chunk, byte[] Bytes)>? node = kept.Last; node is not null; node = node.Previous)
            {
                if (node.Value.Chunk != chunk) continue;
                kept.Remove(node);
                kept.AddLast(node);
                return node.Value.Bytes;
            }
            return null;
        }
    }
}
