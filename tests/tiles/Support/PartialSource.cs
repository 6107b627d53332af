namespace Crdt.Tiles.Tests;

/// <summary>A pack of which only some ranges have arrived.</summary>
internal sealed class PartialSource(byte[] bytes, int chunkBytes) : IPackSource
{
    private readonly HashSet<long> here = [];

    public long Length => bytes.Length;

    /// <summary>Chunks that were read, each once.</summary>
    public HashSet<long> Read { get; } = [];

    public void Arrive(long chunk) => here.Add(chunk);

    public void ArriveAll()
    {
        for (long chunk = 0; chunk * chunkBytes < bytes.Length; chunk++) here.Add(chunk);
    }

    public ValueTask<int> ReadAtAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = (int)Math.Min(buffer.Length, Math.Max(0, bytes.Length - offset));
        for (long chunk = offset / chunkBytes; count > 0 && chunk <= (offset + count - 1) / chunkBytes; chunk++)
        {
            if (!here.Contains(chunk)) throw new TileException(TileError.NotHere, $"Chunk {chunk} has not arrived yet.");
            Read.Add(chunk);
        }
        bytes.AsMemory((int)offset, count).CopyTo(buffer);
        return ValueTask.FromResult(count);
    }
}
