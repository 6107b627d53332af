using System.Buffers.Binary;
using System.Numerics;

namespace Crdt;

/// <summary>Writes bits, the lowest of each byte first. Layout: docs/wire-format.md, section WF-2.2.</summary>
/// <remarks>Whoever writes knows how many bits there will be: the destination has room for them and eight bytes more.</remarks>
internal ref struct BitWriter(Span<byte> destination)
{
    private readonly Span<byte> destination = destination;
    private int written;
    private ulong pending;
    private int pendingBits;

    /// <summary>Bits so far.</summary>
    public readonly int LengthBits => (written * 8) + pendingBits;

    /// <summary>The lowest <paramref name="count"/> bits of a value, at most 32; those above are 0.</summary>
    public void Write(uint value, int count)
    {
        pending |= (ulong)value << pendingBits;
        pendingBits += count;
        if (pendingBits < 32) return;
        BinaryPrimitives.WriteUInt32LittleEndian(destination[written..], (uint)pending);
        written += 4;
        pending >>= 32;
        pendingBits -= 32;
    }

    /// <summary>A number of at least 1, as Elias gamma: as many zeros as it has bits but one, a one, its lower bits.</summary>
    public void WriteGamma(int value)
    {
        int bits = BitOperations.Log2((uint)value);
        Write(1U << bits, bits + 1);
        Write((uint)value & ((1U << bits) - 1), bits);
    }

    public static int GammaLengthBits(int value) => (2 * BitOperations.Log2((uint)value)) + 1;

    /// <summary>Zeros to the next whole byte, and whole bytes behind them.</summary>
    public void WriteAligned(ReadOnlySpan<byte> bytes)
    {
        int length = Finish();
        bytes.CopyTo(destination[length..]);
        (written, pending, pendingBits) = (length + bytes.Length, 0, 0);
    }

    /// <summary>Zeros to the next whole byte.</summary>
    /// <returns>Bytes in all.</returns>
    public readonly int Finish()
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination[written..], pending);
        return written + ((pendingBits + 7) / 8);
    }
}
