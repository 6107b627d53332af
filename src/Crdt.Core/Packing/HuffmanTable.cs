namespace Crdt;

/// <summary>A canonical Huffman code for bytes: the reader's side of <see cref="HuffmanCode"/>.</summary>
/// <remarks>Reused from row to row; not for concurrent use.</remarks>
internal sealed class HuffmanTable
{
    private const int LengthMask = (1 << HuffmanCode.LengthFieldBits) - 1;

    // By the next bits: the symbol, and in the lowest four bits the length of its code.
    private readonly ushort[] entries = new ushort[1 << HuffmanCode.LengthBitsMax];
    private readonly byte[] symbols = new byte[256];
    private readonly byte[] lengths = new byte[256];
    private int lengthBits;

    /// <summary>Reads how a code is told.</summary>
    /// <returns>Whether it is one.</returns>
    public bool TryRead(ref BitReader reader)
    {
        int count = reader.ReadGamma() + 1;
        if (count is < 2 or > 256) return false;
        Span<byte> told = symbols.AsSpan(0, count);
        int symbol = -1;
        foreach (ref byte one in told)
        {
            int gap = reader.ReadGamma();
            symbol += gap;
            if (gap == 0 || symbol > byte.MaxValue) return false;
            one = (byte)symbol;
        }
        if (reader.Read(1) == 1) HuffmanCode.FlatLengths(told, lengths);
        else if (!TryReadLengths(ref reader, told)) return false;
        return TryFill(told);
    }

    /// <summary>Reads a row of as many bytes as the destination takes.</summary>
    public void ReadRow(ref BitReader reader, scoped Span<byte> row)
    {
        ReadOnlySpan<ushort> table = entries.AsSpan(0, 1 << lengthBits);
        BitReader local = reader;
        foreach (ref byte b in row)
        {
            int entry = table[(int)local.Peek() & (table.Length - 1)];
            b = (byte)(entry >> HuffmanCode.LengthFieldBits);
            local.Skip(entry & LengthMask);
        }
        reader = local;
    }

    private bool TryReadLengths(ref BitReader reader, ReadOnlySpan<byte> told)
    {
        int length = (int)reader.Read(HuffmanCode.LengthFieldBits);
        for (int i = 0; i < told.Length; i++)
        {
            if (i > 0) length = ReadLength(ref reader, length);
            if (length is < 1 or > HuffmanCode.LengthBitsMax) return false;
            lengths[told[i]] = (byte)length;
        }
        return true;
    }

    private static int ReadLength(ref BitReader reader, int before)
    {
        uint next = reader.Peek();
        if ((next & 1) == 0)
        {
            reader.Skip(1);
            return before;
        }
        if ((next & 2) == 0)
        {
            reader.Skip(3);
            return (next & 4) == 0 ? before + 1 : before - 1;
        }
        reader.Skip(2 + HuffmanCode.LengthFieldBits);
        return (int)(next >> 2) & LengthMask;
    }

    private bool TryFill(ReadOnlySpan<byte> told)
    {
        Span<int> next = stackalloc int[HuffmanCode.LengthBitsMax + 1];
        if (!HuffmanCode.FirstCodes(told, lengths, next)) return false;
        lengthBits = 0;
        foreach (byte symbol in told) lengthBits = Math.Max(lengthBits, lengths[symbol]);
        Span<ushort> table = entries.AsSpan(0, 1 << lengthBits);
        foreach (byte symbol in told)
        {
            int length = lengths[symbol];
            ushort entry = (ushort)((symbol << HuffmanCode.LengthFieldBits) | length);
            for (int at = HuffmanCode.Reverse(next[length]++, length); at < table.Length; at += 1 << length) table[at] = entry;
        }
        return true;
    }
}
