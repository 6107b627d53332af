using System.Runtime.CompilerServices;

namespace Crdt;

/// <summary>Bytes of one kind, one after the other. Reused: what was once needed stays, up to a bound.</summary>
internal sealed class ByteRow
{
    // More than this is not kept for the next column.
    private const int KeptLengthBytesMax = 1 << 16;

    private byte[] bytes = new byte[256];
    private int count;

    public int Count => count;

    public Span<byte> Written => bytes.AsSpan(0, count);

    public void Clear()
    {
        if (bytes.Length > KeptLengthBytesMax) bytes = new byte[256];
        count = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(byte value)
    {
        if (count == bytes.Length) Array.Resize(ref bytes, 2 * bytes.Length);
        bytes[count++] = value;
    }

    public void Add(ReadOnlySpan<byte> values)
    {
        if (count + values.Length > bytes.Length) Array.Resize(ref bytes, Math.Max(count + values.Length, 2 * bytes.Length));
        values.CopyTo(bytes.AsSpan(count));
        count += values.Length;
    }
}
