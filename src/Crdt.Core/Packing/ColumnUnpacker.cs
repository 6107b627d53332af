using System.Buffers;

namespace Crdt;

/// <summary>Unpacks what <see cref="ColumnPacker"/> has packed.</summary>
/// <remarks>Reused from batch to batch; not for concurrent use.</remarks>
internal sealed class ColumnUnpacker
{
    private readonly HuffmanTable code = new();

    /// <summary>Unpacks columns.</summary>
    /// <param name="packed">The packed columns, and nothing behind them.</param>
    /// <param name="plain">Takes the columns; filled to the last byte.</param>
    /// <returns>Whether the bytes are packed columns of that length.</returns>
    public bool TryUnpack(ReadOnlySpan<byte> packed, Span<byte> plain)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(plain.Length);
        try
        {
            var reader = new BitReader(packed);
            int at = 0, before = 0, beforeThat = 0;
            for (int column = 0; column < ColumnPacker.ColumnCount; column++)
            {
                int tokens = reader.Read(1) == 1 ? before : reader.Read(1) == 1 ? beforeThat : reader.ReadGamma() - 1;
                if (tokens < 0 || !TryUnpackColumn(ref reader, tokens, rented.AsSpan(0, plain.Length - at), plain[at..], out int length))
                    return false;
                at += length;
                (beforeThat, before) = (before, tokens);
            }
            return at == plain.Length && reader.IsAtEnd;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <param name="reader">Where the column begins.</param>
    /// <param name="tokens">How many there are.</param>
    /// <param name="space">Room for its rows, which take as many bytes as it does.</param>
    /// <param name="plain">Takes the column, and all behind it.</param>
    /// <param name="lengthBytes">What it takes.</param>
    private bool TryUnpackColumn(ref BitReader reader, int tokens, Span<byte> space, Span<byte> plain, out int lengthBytes)
    {
        lengthBytes = 0;
        if (!TryRead(ref reader, tokens, ref space, out Span<byte> first)) return false;
        if (TokenShape.AreBare(first))
        {
            first.CopyTo(plain);
            lengthBytes = tokens;
            return !reader.IsBeyondEnd;
        }
        (int last, int middle, long upper) = NumberLengths(first);
        if (!TryRead(ref reader, last, ref space, out Span<byte> lasts) || !TryRead(ref reader, middle, ref space, out Span<byte> middles)
            || !TryRead(ref reader, upper, ref space, out Span<byte> uppers)) return false;
        var rows = new Rows { First = first, Lasts = lasts, Middles = middles, Uppers = uppers };
        (long text, long other) = TailLengths(rows);
        if (!TryRead(ref reader, text, ref space, out rows.Texts) || !TryRead(ref reader, other, ref space, out rows.Others)) return false;
        lengthBytes = rows.Join(plain);
        return !reader.IsBeyondEnd;
    }

    private static (int Last, int Middle, long Upper) NumberLengths(ReadOnlySpan<byte> first)
    {
        (int last, int middle, long upper) = (0, 0, 0);
        ReadOnlySpan<byte> shapes = TokenShape.Shapes;
        foreach (byte code in first)
        {
            int length = TokenShape.NumberLengthBytes(shapes[code]);
            if (length > 0) last++;
            if (length > 1) middle++;
            if (length > 2) upper += length - 2;
        }
        return (last, middle, upper);
    }

    private static (long Text, long Other) TailLengths(Rows rows)
    {
        (long text, long other) = (0, 0);
        Span<byte> number = stackalloc byte[31];
        ReadOnlySpan<byte> shapes = TokenShape.Shapes;
        foreach (byte code in rows.First)
        {
            byte shape = shapes[code];
            if (shape == 0) continue;
            long tail = ColumnPacker.TailLengthBytes(code, shape, number[..rows.TakeNumber(shape, number)]);
            if (TokenShape.TailOf(shape) < TokenShape.Tail.Bytes) text += tail;
            else other += tail;
        }
        return (text, other);
    }

    private bool TryRead(ref BitReader reader, long count, ref Span<byte> space, out Span<byte> row)
    {
        row = default;
        if (count == 0) return true;
        if (count > space.Length) return false;
        row = space[..(int)count];
        space = space[(int)count..];
        switch ((RowCoding)reader.Read(ColumnPacker.CodingBits))
        {
            case RowCoding.Plain:
                foreach (ref byte b in row) b = (byte)reader.Read(ColumnPacker.ByteBits);
                return true;
            case RowCoding.Constant:
                row.Fill((byte)reader.Read(ColumnPacker.ByteBits));
                return true;
            case RowCoding.Huffman:
                bool isSteps = reader.Read(1) == 1;
                if (!code.TryRead(ref reader)) return false;
                code.ReadRow(ref reader, row);
                if (isSteps) Join(row);
                return true;
            default:
                return BatchReader.TryDecompress(reader.ReadAligned(reader.ReadGamma()), row);
        }
    }

    /// <summary>Makes bytes of the steps between them.</summary>
    private static void Join(Span<byte> steps)
    {
        for (int i = 1; i < steps.Length; i++) steps[i] += steps[i - 1];
    }

    /// <summary>The rows of a column; what is taken from them is gone.</summary>
    private ref struct Rows
    {
        public Span<byte> First, Lasts, Middles, Uppers, Texts, Others;

        /// <summary>The number of a token.</summary>
        /// <returns>Bytes that it takes at the destination's beginning.</returns>
        public int TakeNumber(byte shape, scoped Span<byte> destination)
        {
            int length = TokenShape.NumberLengthBytes(shape);
            if (length > 0) destination[length - 1] = Take(ref Lasts, 1)[0];
            if (length > 1) destination[length - 2] = Take(ref Middles, 1)[0];
            if (length > 2) Take(ref Uppers, length - 2).CopyTo(destination);
            return length;
        }

        /// <summary>Puts the tokens together again.</summary>
        /// <returns>Bytes in all.</returns>
        public int Join(Span<byte> plain)
        {
            int at = 0;
            ReadOnlySpan<byte> shapes = TokenShape.Shapes;
            foreach (byte code in First)
            {
                byte shape = shapes[code];
                plain[at++] = code;
                if (shape == 0) continue;
                int length = TakeNumber(shape, plain[at..]);
                int tail = (int)ColumnPacker.TailLengthBytes(code, shape, plain.Slice(at, length));
                at += length;
                if (tail == 0) continue;
                Take(ref TokenShape.TailOf(shape) < TokenShape.Tail.Bytes ? ref Texts : ref Others, tail).CopyTo(plain[at..]);
                at += tail;
            }
            return at;
        }

        private static Span<byte> Take(ref Span<byte> row, int count)
        {
            Span<byte> taken = row[..count];
            row = row[count..];
            return taken;
        }
    }
}
