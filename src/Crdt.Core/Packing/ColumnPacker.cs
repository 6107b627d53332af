using System.Buffers.Binary;
using System.IO.Compression;
using System.Numerics;

namespace Crdt;

/// <summary>Packs columns of MessagePack tokens: the tokens' first bytes, their numbers and their texts each in a row of their own, each row in
/// a code of its own. Layout: docs/wire-format.md, section WF-2.2; why: docs/decisions/0029-packed-columns.md.</summary>
/// <remarks>Reused from batch to batch; not for concurrent use.</remarks>
internal sealed class ColumnPacker
{
    /// <summary>Columns of a batch.</summary>
    public const int ColumnCount = 16;

    /// <summary>Rows of a column: first bytes; the last byte of each number, the one before it, those before that; texts; other bytes.</summary>
    public const int RowCount = 6;
    private const int TextRow = 4;
    private const int OtherRow = 5;

    // Bits that tell a row's coding, and a constant row's byte.
    public const int CodingBits = 2;
    public const int ByteBits = 8;

    // A text shorter than this holds little that Brotli could find twice.
    private const int RepeatingLengthBytesMin = 64;

    // A shorter one is not worth the beginning of a Brotli stream, tens of microseconds.
    private const int BrotliLengthBytesMin = 512;

    // Brotli is tried where a text's groups of four bytes came before for at least one part in so many.
    private const int RepeatingPartMin = 8;
    private const int ShortHashBits = 9;
    private const int LongHashBits = 12;

    // Whoever writes a stretch of bits may write eight bytes at once.
    private const int SlackBytes = 16;

    private readonly ByteRow[] rows = [new(), new(), new(), new(), new(), new()];
    private readonly HuffmanCode code = new();
    private readonly HuffmanCode stepCode = new();
    private readonly byte[] steps = new byte[BrotliLengthBytesMin];
    private readonly ushort[] groups = new ushort[1 << LongHashBits];
    private byte[] packed = [];
    private byte[] brotli = [];

    /// <summary>Packs columns.</summary>
    /// <param name="plain">The columns, one after the other.</param>
    /// <param name="ends">Where each ends; <see cref="ColumnCount"/> of them.</param>
    /// <param name="headerLengthBytes">Bytes left free in front.</param>
    /// <returns>The header's place and the packed columns; valid until the next call. Empty where they would take as many bytes as
    /// the plain columns, or more.</returns>
    public Span<byte> Pack(ReadOnlySpan<byte> plain, ReadOnlySpan<int> ends, int headerLengthBytes)
    {
        if (packed.Length < plain.Length + SlackBytes) packed = new byte[(int)BitOperations.RoundUpToPowerOf2((uint)(plain.Length + SlackBytes))];
        int limitBits = 8 * (plain.Length - headerLengthBytes);
        var writer = new BitWriter(packed.AsSpan(headerLengthBytes));
        int start = 0, before = 0, beforeThat = 0;
        foreach (int end in ends)
        {
            ReadOnlySpan<byte> column = plain[start..end];
            bool isBare = TokenShape.AreBare(column);
            if (!isBare && !TrySplit(column)) return default;
            int tokens = isBare ? column.Length : rows[0].Count;
            if (writer.LengthBits + BitWriter.GammaLengthBits(tokens + 1) + 2 > limitBits) return default;
            // As many as in the column before, or the one before that, or a number.
            writer.Write(tokens == before ? 0b1U : tokens == beforeThat ? 0b10U : 0, tokens == before ? 1 : 2);
            if (tokens != before && tokens != beforeThat) writer.WriteGamma(tokens + 1);
            if (isBare)
            {
                if (tokens > 0 && !TryWrite(ref writer, column, limitBits)) return default;
            }
            else
            {
                for (int row = 0; row < rows.Length; row++)
                {
                    if (rows[row].Count > 0 && !TryWrite(ref writer, rows[row].Written, limitBits)) return default;
                }
            }
            (start, beforeThat, before) = (end, before, tokens);
        }
        return packed.AsSpan(0, headerLengthBytes + writer.Finish());
    }

    /// <summary>Puts each byte of a column into its row.</summary>
    private bool TrySplit(ReadOnlySpan<byte> column)
    {
        foreach (ByteRow row in rows) row.Clear();
        ReadOnlySpan<byte> shapes = TokenShape.Shapes;
        for (int at = 0; at < column.Length;)
        {
            byte first = column[at++], shape = shapes[first];
            rows[0].Add(first);
            if (shape == 0) continue;
            int length = TokenShape.NumberLengthBytes(shape);
            if (length > column.Length - at) return false;
            ReadOnlySpan<byte> number = column.Slice(at, length);
            at += length;
            if (length > 0) rows[1].Add(number[^1]);
            if (length > 1) rows[2].Add(number[^2]);
            if (length > 2) rows[3].Add(number[..^2]);
            long tail = TailLengthBytes(first, shape, number);
            if (tail > column.Length - at) return false;
            if (tail > 0) rows[TokenShape.TailOf(shape) < TokenShape.Tail.Bytes ? TextRow : OtherRow].Add(column.Slice(at, (int)tail));
            at += (int)tail;
        }
        return true;
    }

    /// <summary>How many bytes follow a token's number.</summary>
    public static long TailLengthBytes(byte first, byte shape, ReadOnlySpan<byte> number)
    {
        TokenShape.Tail tail = TokenShape.TailOf(shape);
        if (tail == TokenShape.Tail.None) return 0;
        if (tail == TokenShape.Tail.ShortText) return first & TokenShape.ShortTextMask;
        if (tail == TokenShape.Tail.Extension) number = number[..^1];
        return number.Length switch
        {
            1 => number[0],
            2 => BinaryPrimitives.ReadUInt16BigEndian(number),
            _ => BinaryPrimitives.ReadUInt32BigEndian(number),
        };
    }

    private bool TryWrite(ref BitWriter writer, ReadOnlySpan<byte> row, int limitBits)
    {
        if (!row.ContainsAnyExcept(row[0]))
        {
            if (writer.LengthBits + CodingBits + ByteBits > limitBits) return false;
            writer.Write((uint)RowCoding.Constant | ((uint)row[0] << CodingBits), CodingBits + ByteBits);
            return true;
        }
        int plainBits = ByteBits * row.Length, bits = code.Build(row) + 1;
        HuffmanCode best = code;
        if (IsRepeating(row))
        {
            if (row.Length >= BrotliLengthBytesMin)
            {
                if (TryBrotli(row, Math.Min(bits, plainBits) / 8) is var stream and > 0) return TryWriteBrotli(ref writer, stream, limitBits);
            }
            else if (stepCode.Build(StepsOf(row)) + 1 is var stepBits && stepBits < bits)
            {
                (best, bits) = (stepCode, stepBits);
            }
        }
        if (writer.LengthBits + CodingBits + Math.Min(bits, plainBits) > limitBits) return false;
        if (bits >= plainBits)
        {
            writer.Write((uint)RowCoding.Plain, CodingBits);
            foreach (byte b in row) writer.Write(b, ByteBits);
            return true;
        }
        bool isSteps = best == stepCode;
        writer.Write((uint)RowCoding.Huffman | (isSteps ? 1U << CodingBits : 0), CodingBits + 1);
        best.Write(ref writer, isSteps ? steps.AsSpan(0, row.Length) : row);
        return true;
    }

    private bool TryWriteBrotli(ref BitWriter writer, int lengthBytes, int limitBits)
    {
        if (writer.LengthBits + (ByteBits * (lengthBytes + 8)) > limitBits) return false;
        writer.Write((uint)RowCoding.Brotli, CodingBits);
        writer.WriteGamma(lengthBytes);
        writer.WriteAligned(brotli.AsSpan(0, lengthBytes));
        return true;
    }

    /// <summary>Each byte less the one before it.</summary>
    private ReadOnlySpan<byte> StepsOf(ReadOnlySpan<byte> row)
    {
        byte before = 0;
        for (int i = 0; i < row.Length; i++)
        {
            steps[i] = (byte)(row[i] - before);
            before = row[i];
        }
        return steps.AsSpan(0, row.Length);
    }

    /// <summary>Whether groups of four bytes come again so often that a search for longer ones may pay.</summary>
    private bool IsRepeating(ReadOnlySpan<byte> row)
    {
        if (row.Length < RepeatingLengthBytesMin) return false;
        int hashBits = row.Length < 1 << ShortHashBits ? ShortHashBits : LongHashBits, repeated = 0;
        Array.Clear(groups, 0, 1 << hashBits);
        for (int at = 0; at + 4 <= row.Length; at++)
        {
            uint group = BinaryPrimitives.ReadUInt32LittleEndian(row[at..]) * 0x9E37_79B1;
            ref ushort seen = ref groups[group >> (32 - hashBits)];
            // Kept: other bits of the hash, which tell apart what falls into one place.
            ushort mark = (ushort)(group | 1);
            if (seen == mark) repeated++;
            seen = mark;
        }
        return repeated * RepeatingPartMin >= row.Length;
    }

    private int TryBrotli(ReadOnlySpan<byte> row, int lengthBytesMax)
    {
        if (lengthBytesMax <= 0) return 0;
        if (brotli.Length < lengthBytesMax) brotli = new byte[(int)BitOperations.RoundUpToPowerOf2((uint)lengthBytesMax)];
        // Quality and window: docs/decisions/0004-compression.md.
        return BrotliEncoder.TryCompress(row, brotli.AsSpan(0, lengthBytesMax), out int length, quality: 4, window: 20) ? length : 0;
    }
}
