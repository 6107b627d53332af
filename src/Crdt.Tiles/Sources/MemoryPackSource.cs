namespace Crdt.Tiles;

/// <summary>A pack in memory.</summary>
/// <param name="bytes">All of it; not changed meanwhile.</param>
public sealed class MemoryPackSource(ReadOnlyMemory<byte> bytes) : IPackSource
{
    /// <inheritdoc/>
    public long Length => bytes.Length;

    /// <inheritdoc/>
    public ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        cancellationToken.ThrowIfCancellationRequested();
        int count = (int)Math.Min(buffer.Length, Math.Max(0, bytes.Length - offset));
        if (count > 0) bytes.Slice((int)offset, count).CopyTo(buffer);
        return ValueTask.FromResult(count);
    }
}
