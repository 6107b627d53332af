using System.Buffers.Binary;
using System.Text.Unicode;
using MessagePack;

namespace Crdt;

/// <summary>Reads MessagePack that must be minimal: each item has one encoding, every other is refused.</summary>
/// <remarks>Raises <see cref="BatchFormatException"/>; what the MessagePack reader itself raises is translated once,
/// by <see cref="BatchReader"/>.</remarks>
internal ref struct CanonicalReader(ReadOnlyMemory<byte> bytes)
{
    private const int TimestampLengthBytesMax = 15;

    private readonly ReadOnlyMemory<byte> bytes = bytes;
    private readonly int lengthBytes = bytes.Length;
    private MessagePackReader reader = new(bytes);

    public readonly long Offset => reader.Consumed;

    /// <summary>Bytes that references to earlier texts stand for, so far.</summary>
    public long ReferencedBytes { get; set; }

    public readonly long Remaining => lengthBytes - reader.Consumed;

    public readonly MessagePackType NextType => reader.NextMessagePackType;

    public readonly byte NextCode => reader.NextCode;

    public readonly BatchFormatException Fail(BatchError error, string what) =>
        new(error, $"{what} (at byte {Offset} of {lengthBytes})");

    public ulong ReadUInt64()
    {
        long before = reader.Consumed;
        byte code = NextCode;
        if (code <= MessagePackCode.MaxFixInt)
        {
            reader.ReadByte();
            return code;
        }
        if (code is < MessagePackCode.UInt8 or > MessagePackCode.UInt64)
            throw Fail(BatchError.UnexpectedType, "An unsigned integer is expected");
        ulong value = reader.ReadUInt64();
        if (reader.Consumed - before != MessagePackWriter.GetEncodedLength(value))
            throw Fail(BatchError.NotCanonical, "An integer is longer than it need be");
        return value;
    }

    public long ReadInt64()
    {
        long before = reader.Consumed;
        byte code = NextCode;
        if (code is >= MessagePackCode.Int8 and <= MessagePackCode.Int64 or >= MessagePackCode.MinNegativeFixInt)
        {
            long negative = reader.ReadInt64();
            if (negative >= 0 || reader.Consumed - before != MessagePackWriter.GetEncodedLength(negative))
                throw Fail(BatchError.NotCanonical, "An integer is longer than it need be");
            return negative;
        }
        ulong value = ReadUInt64();
        if (value > long.MaxValue) throw Fail(BatchError.OutOfRange, "An integer is beyond 64 bits with sign");
        return (long)value;
    }

    /// <summary>An integer from 0 to <paramref name="max"/>.</summary>
    public int ReadInt32(int max, string what)
    {
        ulong value = ReadUInt64();
        if (value > (ulong)max) throw Fail(BatchError.OutOfRange, $"{what} is {value}; at most {max} is possible");
        return (int)value;
    }

    /// <summary>A sequence, from 1 on.</summary>
    public long ReadSequence()
    {
        ulong sequence = ReadUInt64();
        return sequence is >= 1 and <= Dot.SequenceMax
            ? (long)sequence
            : throw Fail(BatchError.OutOfRange, $"{sequence} is no sequence");
    }

    /// <summary>A count of items of which each takes a byte at least: checked before anything is made for them.</summary>
    public int ReadCount(string what) => ReadInt32((int)Math.Min(Remaining, int.MaxValue), what);

    /// <summary>Well-formed UTF-8 of at most <paramref name="maxBytes"/> bytes.</summary>
    public ReadOnlySpan<byte> ReadUtf8(int maxBytes, string what)
    {
        long before = reader.Consumed;
        if (NextType != MessagePackType.String) throw Fail(BatchError.UnexpectedType, $"{what} must be a string");
        if (!reader.TryReadStringSpan(out ReadOnlySpan<byte> utf8))
            throw Fail(BatchError.Truncated, $"{what} is cut off");
        CheckLength(utf8.Length, maxBytes, what);
        int header = utf8.Length <= MessagePackRange.MaxFixStringLength ? 1
            : utf8.Length <= byte.MaxValue ? 2 : utf8.Length <= ushort.MaxValue ? 3 : 5;
        if (reader.Consumed - before != utf8.Length + header)
            throw Fail(BatchError.NotCanonical, $"{what} has a longer header than it need have");
        if (!Utf8.IsValid(utf8)) throw Fail(BatchError.OutOfRange, $"{what} is not well-formed UTF-8");
        return utf8;
    }

    /// <summary>A name: 1 to 255 bytes of well-formed UTF-8.</summary>
    public ReadOnlySpan<byte> ReadName(string what)
    {
        ReadOnlySpan<byte> utf8 = ReadUtf8(FormatLimits.NameLengthBytesMax, what);
        return utf8.IsEmpty ? throw Fail(BatchError.OutOfRange, $"{what} is empty") : utf8;
    }

    public ReadOnlySpan<byte> ReadBytes(int maxBytes, string what) => ReadMemory(maxBytes, what).Span;

    /// <summary>Bytes as a part of what is being read, not copied.</summary>
    public ReadOnlyMemory<byte> ReadMemory(int maxBytes, string what)
    {
        long before = reader.Consumed;
        if (NextType != MessagePackType.Binary) throw Fail(BatchError.UnexpectedType, $"{what} must be bytes");
        ReadOnlyMemory<byte> bytes = reader.ReadBytes()!.Value.First;
        CheckLength(bytes.Length, maxBytes, what);
        int header = bytes.Length <= byte.MaxValue ? 2 : bytes.Length <= ushort.MaxValue ? 3 : 5;
        if (reader.Consumed - before != bytes.Length + header)
            throw Fail(BatchError.NotCanonical, $"{what} has a longer header than it need have");
        return bytes;
    }

    public ReadOnlySpan<byte> ReadUuid(string what)
    {
        ReadOnlySpan<byte> bytes = ReadBytes(16, what);
        return bytes.Length == 16 ? bytes : throw Fail(BatchError.OutOfRange, $"{what} is not 16 bytes long");
    }

    public int ReadArrayHeader(string what)
    {
        long before = reader.Consumed;
        if (NextType != MessagePackType.Array) throw Fail(BatchError.UnexpectedType, $"{what} must be an array");
        int count = reader.ReadArrayHeader();
        CheckHeader(count, before, what);
        return count;
    }

    public int ReadMapHeader(string what)
    {
        long before = reader.Consumed;
        if (NextType != MessagePackType.Map) throw Fail(BatchError.UnexpectedType, $"{what} must be a map");
        int count = reader.ReadMapHeader();
        CheckHeader(count, before, what);
        return count;
    }

    public void ReadNil() => reader.ReadNil();

    public bool ReadBoolean() => reader.ReadBoolean();

    public double ReadDouble()
    {
        if (NextCode != MessagePackCode.Float64) throw Fail(BatchError.NotCanonical, "A double takes 64 bits");
        double value = reader.ReadDouble();
        return double.IsFinite(value) ? value : throw Fail(BatchError.OutOfRange, "NaN and infinities are not values");
    }

    /// <summary>An instant to 100 nanoseconds, in the shortest of MessagePack's three lengths.</summary>
    public DateTime ReadTimestamp()
    {
        long before = reader.Consumed;
        DateTime value = reader.ReadDateTime();
        Span<byte> canonical = stackalloc byte[TimestampLengthBytesMax];
        // The reader drops what ticks cannot hold, so only writing it again tells whether this was its one form.
        if (!bytes.Span[(int)before..(int)reader.Consumed].SequenceEqual(canonical[..WriteTimestamp(canonical, value)]))
            throw Fail(BatchError.NotCanonical, "A timestamp is finer than 100 nanoseconds, or longer than it need be");
        return value;
    }

    /// <summary>Writes the canonical form.</summary>
    /// <returns>Its length: 6, 10 or 15 bytes.</returns>
    private static int WriteTimestamp(Span<byte> destination, DateTime value)
    {
        long ticks = value.Ticks - DateTime.UnixEpoch.Ticks;
        (long seconds, long rest) = Math.DivRem(ticks, TimeSpan.TicksPerSecond);
        if (rest < 0) (seconds, rest) = (seconds - 1, rest + TimeSpan.TicksPerSecond);
        ulong nanoseconds = (ulong)rest * 100;
        const byte Type = unchecked((byte)ReservedMessagePackExtensionTypeCode.DateTime);
        if (seconds >> 34 != 0)
        {
            (destination[0], destination[1], destination[2]) = (MessagePackCode.Ext8, 12, Type);
            BinaryPrimitives.WriteUInt32BigEndian(destination[3..], (uint)nanoseconds);
            BinaryPrimitives.WriteInt64BigEndian(destination[7..], seconds);
            return 15;
        }
        ulong packed = (nanoseconds << 34) | (ulong)seconds;
        bool isShort = packed <= uint.MaxValue;
        (destination[0], destination[1]) = (isShort ? MessagePackCode.FixExt4 : MessagePackCode.FixExt8, Type);
        if (isShort) BinaryPrimitives.WriteUInt32BigEndian(destination[2..], (uint)packed);
        else BinaryPrimitives.WriteUInt64BigEndian(destination[2..], packed);
        return isShort ? 6 : 10;
    }

    /// <summary>The index in a fixed extension of type <paramref name="type"/> with 1 or 2 bytes.</summary>
    public int ReadReference(sbyte type)
    {
        long before = reader.Consumed;
        ExtensionResult extension = reader.ReadExtensionFormat();
        ReadOnlySpan<byte> data = extension.Data.FirstSpan;
        if (extension.TypeCode != type || data.Length is < 1 or > 2)
            throw Fail(BatchError.UnexpectedType, "An unknown extension");
        int index = data.Length == 1 ? data[0] : (data[0] << 8) | data[1];
        if (reader.Consumed - before != 2 + data.Length || (data.Length == 2 && index <= byte.MaxValue))
            throw Fail(BatchError.NotCanonical, "A reference is longer than it need be");
        return index;
    }

    /// <summary>A blob, in its one form.</summary>
    public Blob ReadBlob()
    {
        long before = reader.Consumed;
        ExtensionHeader header = reader.ReadExtensionFormatHeader();
        CheckLength((int)Math.Min(header.Length, int.MaxValue), BlobCodec.LengthBytesMax, "A blob");
        if (reader.Consumed - before != (header.Length <= byte.MaxValue ? 3 : 4))
            throw Fail(BatchError.NotCanonical, "A blob has a longer header than it need have");
        System.Buffers.ReadOnlySequence<byte> content = reader.ReadRaw((int)header.Length);
        string? problem = BlobCodec.Read(content.FirstSpan, out Blob? blob);
        return problem is null ? blob! : throw Fail(BatchError.OutOfRange, problem);
    }

    public readonly sbyte PeekExtensionType()
    {
        MessagePackReader ahead = reader.CreatePeekReader();
        return ahead.ReadExtensionFormatHeader().TypeCode;
    }

    private readonly void CheckLength(int lengthBytes, int maxBytes, string what)
    {
        if (lengthBytes > maxBytes)
            throw Fail(BatchError.LimitExceeded, $"{what} takes {lengthBytes} bytes; {maxBytes} are allowed");
    }

    private readonly void CheckHeader(int count, long before, string what)
    {
        if (count > Remaining) throw Fail(BatchError.Truncated, $"{what} of {count} items cannot fit");
        if (reader.Consumed - before != (count <= 15 ? 1 : count <= ushort.MaxValue ? 3 : 5))
            throw Fail(BatchError.NotCanonical, $"{what} has a longer header than it need have");
    }
}
