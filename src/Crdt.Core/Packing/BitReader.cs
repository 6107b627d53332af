using System.Buffers.Binary;
using System.Numerics;

namespace Crdt;

/// <summary>Reads what <see cref="BitWriter"/> has written. Beyond the end there are zeros, and <see cref="IsBeyondEnd"/> says so.</summary>
internal ref struct BitReader(ReadOnlySpan<byte> source)
{
    private readonly ReadOnlySpan<byte> source = source;
    private int taken;
    private ulong pending;
    private int pendingBits;

    /// <summary>Whether more was read than there is.</summary>
    public readonly bool IsBeyondEnd => taken - (pendingBits / 8) > source.Length;

    /// <summary>Whether everything was read but less than a byte of zeros.</summary>
    public readonly bool IsAtEnd => taken - (pendingBits / 8) == source.Length && (pending & ((1UL << (pendingBits % 8)) - 1)) == 0;

    /// <summary>The next bits without taking them; at least 32 of them are meant.</summary>
    public uint Peek()
    {
        if (pendingBits < 32) Fill();
        return (uint)pending;
    }

    /// <summary>Takes bits that were looked at, at most 32.</summary>
    public void Skip(int count)
    {
        pending >>= count;
        pendingBits -= count;
    }

    /// <summary>The next bits, at most 31.</summary>
    public uint Read(int count)
    {
        uint value = Peek() & ((1U << count) - 1);
        Skip(count);
        return value;
    }

    /// <summary>A number of at least 1; 0 where there is none.</summary>
    public int ReadGamma()
    {
        uint next = Peek();
        int bits = BitOperations.TrailingZeroCount(next);
        if (bits > 24) return 0;
        Skip(bits + 1);
        return (1 << bits) | (int)Read(bits);
    }

    /// <summary>Whole bytes from the next whole byte on; empty where there are not as many.</summary>
    public ReadOnlySpan<byte> ReadAligned(int count)
    {
        int at = taken - (pendingBits / 8);
        if (count > source.Length - at) return default;
        (taken, pending, pendingBits) = (at + count, 0, 0);
        return source.Slice(at, count);
    }

    private void Fill()
    {
        if (taken + 4 <= source.Length)
        {
            pending |= (ulong)BinaryPrimitives.ReadUInt32LittleEndian(source[taken..]) << pendingBits;
            taken += 4;
            pendingBits += 32;
            return;
        }
        for (; pendingBits < 32; taken++, pendingBits += 8)
        {
            if (taken < source.Length) pending |= (ulong)source[taken] << pendingBits;
        }
    }
}
