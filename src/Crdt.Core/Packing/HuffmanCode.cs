using System.Numerics;

namespace Crdt;

/// <summary>A canonical Huffman code for bytes, and how it is told: the author's side. Layout: docs/wire-format.md, section WF-2.2.</summary>
/// <remarks>Reused from row to row; not for concurrent use. Lengths: A. Moffat and J. Katajainen, "In-place calculation of
/// minimum-redundancy codes", 1995; those beyond the limit are cut, and others lengthened until the code is possible again.</remarks>
internal sealed class HuffmanCode
{
    /// <summary>Bits of the longest code.</summary>
    public const int LengthBitsMax = 11;

    // Bits of the number that tells a length as it is.
    public const int LengthFieldBits = 4;

    // The lengths of a code take a bit each, and the first one more: at least.
    private const int LengthsBitsMin = LengthFieldBits - 1;

    // Of small counts n, n log2 n.
    private static readonly double[] Weights = [0, .. Enumerable.Range(1, 255).Select(static n => n * Math.Log2(n))];

    private readonly int[] counts = new int[256];
    private readonly uint[] byCount = new uint[256];
    private readonly int[] depths = new int[256];
    private readonly byte[] symbols = new byte[256];
    private readonly byte[] lengths = new byte[256];
    private readonly uint[] codes = new uint[256];
    private int symbolCount;
    private bool isFlat;

    /// <summary>Makes the code that is best for a row of bytes.</summary>
    /// <param name="row">Of at least two different bytes.</param>
    /// <returns>Bits of the code as it is told and of the row in it.</returns>
    public int Build(ReadOnlySpan<byte> row)
    {
        for (int i = 0; i < symbolCount; i++) counts[symbols[i]] = 0;
        symbolCount = 0;
        foreach (byte b in row)
        {
            if (counts[b]++ == 0) symbols[symbolCount++] = b;
        }
        Span<byte> told = symbols.AsSpan(0, symbolCount);
        told.Sort();
        int symbolBits = SymbolsLengthBits() + 1, flatBits = FlatRowLengthBits(), plainBits = 8 * row.Length;
        isFlat = true;
        // No code tells the row in less than its information.
        if (InformationBits(row.Length) + LengthsBitsMin + symbolCount < Math.Min(flatBits, plainBits - symbolBits))
        {
            int bits = MeasureLengths();
            isFlat = flatBits <= bits;
            if (!isFlat) return symbolBits + bits;
        }
        FlatLengths(told, lengths);
        return symbolBits + flatBits;
    }

    /// <summary>Tells the code, then the row in it.</summary>
    public void Write(ref BitWriter writer, ReadOnlySpan<byte> row)
    {
        WriteTable(ref writer);
        AssignCodes();
        BitWriter local = writer;
        uint[] codes = this.codes;
        foreach (byte b in row) local.Write(codes[b] >> LengthFieldBits, (int)(codes[b] & ((1 << LengthFieldBits) - 1)));
        writer = local;
    }

    private double InformationBits(int length)
    {
        double bits = length * Math.Log2(length);
        foreach (byte symbol in symbols.AsSpan(0, symbolCount))
        {
            int count = counts[symbol];
            bits -= count < Weights.Length ? Weights[count] : count * Math.Log2(count);
        }
        return bits;
    }

    /// <summary>The lengths of the code that takes least, or nearly.</summary>
    /// <returns>Bits that they take, and the row in them.</returns>
    private int MeasureLengths()
    {
        for (int i = 0; i < symbolCount; i++) byCount[i] = ((uint)counts[symbols[i]] << 8) | symbols[i];
        byCount.AsSpan(0, symbolCount).Sort();
        MeasureDepths();
        LimitDepths();
        int bits = 0;
        for (int i = 0; i < symbolCount; i++)
        {
            lengths[byCount[i] & 0xFF] = (byte)depths[i];
            bits += (int)(byCount[i] >> 8) * depths[i];
        }
        return bits + LengthsLengthBits();
    }

    private void MeasureDepths()
    {
        // In place: first the weights of inner nodes, then their parents, then how deep each is, then the leaves.
        Span<int> a = depths.AsSpan(0, symbolCount);
        int n = symbolCount;
        for (int i = 0; i < n; i++) a[i] = (int)(byCount[i] >> 8);
        a[0] += a[1];
        int root = 0, leaf = 2;
        for (int next = 1; next < n - 1; next++)
        {
            int weight = 0;
            for (int i = 0; i < 2; i++)
            {
                if (leaf < n && (root == next || a[root] >= a[leaf]))
                {
                    weight += a[leaf++];
                    continue;
                }
                weight += a[root];
                a[root++] = next;
            }
            a[next] = weight;
        }
        a[n - 2] = 0;
        for (int next = n - 3; next >= 0; next--) a[next] = a[a[next]] + 1;
        int free = 1, used = 0, depth = 0, inner = n - 2, at = n - 1;
        while (free > 0)
        {
            for (; inner >= 0 && a[inner] == depth; inner--) used++;
            for (; free > used; free--) a[at--] = depth;
            (free, used) = (2 * used, 0);
            depth++;
        }
    }

    private void LimitDepths()
    {
        if (depths[0] <= LengthBitsMax) return;
        // Room is counted in codes of the longest length; rarest first.
        int room = 1 << LengthBitsMax, taken = 0;
        for (int i = 0; i < symbolCount; i++)
        {
            depths[i] = Math.Min(depths[i], LengthBitsMax);
            taken += 1 << (LengthBitsMax - depths[i]);
        }
        for (int i = 0; taken > room; i = (i + 1) % symbolCount)
        {
            if (depths[i] == LengthBitsMax) continue;
            taken -= 1 << (LengthBitsMax - depths[i] - 1);
            depths[i]++;
        }
        // A code that was lengthened may have left more room than was wanted: the most frequent that fit take it.
        for (int i = symbolCount - 1; taken < room; i = i == 0 ? symbolCount - 1 : i - 1)
        {
            int gain = 1 << (LengthBitsMax - depths[i]);
            if (gain > room - taken) continue;
            depths[i]--;
            taken += gain;
        }
    }

    private int SymbolsLengthBits()
    {
        int bits = BitWriter.GammaLengthBits(symbolCount - 1), before = -1;
        for (int i = 0; i < symbolCount; i++)
        {
            bits += BitWriter.GammaLengthBits(symbols[i] - before);
            before = symbols[i];
        }
        return bits;
    }

    private int LengthsLengthBits()
    {
        int bits = LengthFieldBits;
        for (int i = 1; i < symbolCount; i++)
        {
            int step = lengths[symbols[i]] - lengths[symbols[i - 1]];
            bits += step == 0 ? 1 : step is 1 or -1 ? 3 : 2 + LengthFieldBits;
        }
        return bits;
    }

    private int FlatRowLengthBits()
    {
        (int shorter, int longest) = Flat(symbolCount);
        int bits = 0;
        for (int i = 0; i < symbolCount; i++) bits += counts[symbols[i]] * (i < shorter ? longest - 1 : longest);
        return bits;
    }

    /// <summary>A flat code: its longest codes, and how many symbols, the first ones, have a bit less.</summary>
    private static (int Shorter, int LongestBits) Flat(int symbolCount)
    {
        int longest = BitOperations.Log2((uint)symbolCount - 1) + 1;
        return ((1 << longest) - symbolCount, longest);
    }

    /// <summary>The lengths of a flat code's symbols.</summary>
    public static void FlatLengths(ReadOnlySpan<byte> symbols, Span<byte> lengths)
    {
        (int shorter, int longest) = Flat(symbols.Length);
        for (int i = 0; i < symbols.Length; i++) lengths[symbols[i]] = (byte)(i < shorter ? longest - 1 : longest);
    }

    private void WriteTable(ref BitWriter writer)
    {
        writer.WriteGamma(symbolCount - 1);
        int before = -1;
        for (int i = 0; i < symbolCount; i++)
        {
            writer.WriteGamma(symbols[i] - before);
            before = symbols[i];
        }
        writer.Write(isFlat ? 1U : 0, 1);
        if (isFlat) return;
        int lengthBefore = lengths[symbols[0]];
        writer.Write((uint)lengthBefore, LengthFieldBits);
        for (int i = 1; i < symbolCount; i++)
        {
            int length = lengths[symbols[i]];
            if (length == lengthBefore) writer.Write(0, 1);
            else if (length == lengthBefore + 1) writer.Write(0b001, 3);
            else if (length == lengthBefore - 1) writer.Write(0b101, 3);
            else writer.Write(0b11U | ((uint)length << 2), 2 + LengthFieldBits);
            lengthBefore = length;
        }
    }

    private void AssignCodes()
    {
        Span<int> next = stackalloc int[LengthBitsMax + 1];
        FirstCodes(symbols.AsSpan(0, symbolCount), lengths, next);
        for (int i = 0; i < symbolCount; i++)
        {
            byte symbol = symbols[i];
            codes[symbol] = ((uint)Reverse(next[lengths[symbol]]++, lengths[symbol]) << LengthFieldBits) | lengths[symbol];
        }
    }

    /// <summary>The first code of each length: codes of one length follow each other in the order of their symbols.</summary>
    /// <returns>Whether the lengths make a whole code: nothing left over, nothing twice.</returns>
    public static bool FirstCodes(ReadOnlySpan<byte> symbols, ReadOnlySpan<byte> lengths, Span<int> first)
    {
        Span<int> ofLength = stackalloc int[LengthBitsMax + 1];
        ofLength.Clear();
        foreach (byte symbol in symbols) ofLength[lengths[symbol]]++;
        int code = 0;
        for (int length = 1; length <= LengthBitsMax; length++) first[length] = code = (code + ofLength[length - 1]) << 1;
        return code + ofLength[LengthBitsMax] == 1 << LengthBitsMax;
    }

    /// <summary>A code as it is written: its highest bit first.</summary>
    public static ushort Reverse(int code, int lengthBits)
    {
        uint reversed = 0;
        for (int i = 0; i < lengthBits; i++) reversed = (reversed << 1) | (((uint)code >> i) & 1);
        return (ushort)reversed;
    }
}
