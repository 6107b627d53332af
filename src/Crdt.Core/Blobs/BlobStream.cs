using System.Buffers;

namespace Crdt;

/// <summary>A blob's content, read chunk by chunk; each is verified.</summary>
internal sealed class BlobStream(IBlobStore store, Blob blob, Action<BlobHash> noteMissing) : Stream
{
    private byte[]? buffer;
    private int held = -1;
    private int heldLength;
    private long position;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => blob.Size;

    public override long Position
    {
        get => position;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            position = value;
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken cancellationToken = default)
    {
        if (destination.IsEmpty || position >= blob.Size) return 0;
        int chunk = (int)(position / BlobTree.ChunkLengthBytes);
        if (chunk != held)
        {
            buffer ??= ArrayPool<byte>.Shared.Rent(BlobTree.ChunkLengthBytes);
            held = -1;
            heldLength = await store.ReadAsync(blob.Root, chunk, buffer.AsMemory(0, BlobTree.ChunkLengthBytes), cancellationToken).ConfigureAwait(false);
            if (heldLength < 0)
            {
                noteMissing(blob.Root);
                throw new BlobException(
                    BlobError.Missing, $"Of blob {blob.Root} ('{blob.Name}') the bytes from {BlobTree.Offset(chunk)} on are not here yet.");
            }
            held = chunk;
        }
        int at = (int)(position - BlobTree.Offset(chunk));
        int length = Math.Min(destination.Length, heldLength - at);
        buffer.AsMemory(at, length).CopyTo(destination);
        position += length;
        return length;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => position + offset,
        _ => blob.Size + offset,
    };

    public override void Flush()
    {
        // Nothing is written.
    }

    public override void SetLength(long value) => throw new NotSupportedException("A blob's content does not change.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("A blob's content does not change.");

    protected override void Dispose(bool disposing)
    {
        if (buffer is not null) ArrayPool<byte>.Shared.Return(buffer);
        buffer = null;
        held = -1;
        base.Dispose(disposing);
    }
}
