namespace Crdt.Tiles;

/// <summary>What readers of packs ask of a source.</summary>
internal static class PackReading
{
    /// <summary>Reads a range that lies within the pack, as was checked, of a length that was bounded.</summary>
    public static async ValueTask<byte[]> ReadRangeAsync(this IPackSource source, long offset, int length, string what, CancellationToken cancellation)
    {
        byte[] bytes = new byte[length];
        int read = await source.ReadAtAsync(offset, bytes, cancellation).ConfigureAwait(false);
        return read == length ? bytes : throw new TileException(TileError.Damaged,
            $"The {what} at {offset} has {length} bytes; the pack ended after {read} of them.");
    }
}
