using System.Buffers.Binary;
using System.IO.Hashing;
using Crdt.Store.AtRest;

namespace Crdt.Store.Log;

/// <summary>The bytes of a group: the entries of one append, which count together or not at all.</summary>
/// <remarks>
/// Little-endian. Group: XxHash3 of the next 16 bytes, seeded with the group's position, 8 · magic 4 · number of
/// records 4 ·
/// length of the records 4 · distance back to the end of what was durable when this was written 4.
/// Record: XxHash3 of the rest, seeded with the record's position, 8 · payload length 4 · kind 1 · zero 3 · author 16 ·
/// first 8 · last 8 · payload.
/// The position as seed means that intact bytes in the wrong place are not taken for a record. The distance back tells
/// a torn tail from damage: a group proves that all before that point had been durable.
/// Encrypted: nonce and tag, 40, between header and records, which are sealed as one with the position and the header
/// behind its hash. What a group says of its own length and number of records is then open to see.
/// </remarks>
internal static class GroupFormat
{
    public const int HeaderLengthBytes = 24;
    public const int RecordHeaderLengthBytes = 48;

    /// <summary>A group is written in one piece and read in one piece: bounds the memory for it.</summary>
    public const int GroupLengthBytesMax = 1 << 28;

    public static ReadOnlySpan<byte> Magic => "gRp1"u8;

    /// <summary>Offset of the magic in the group's header.</summary>
    public const int MagicOffset = 8;

    private const int AssociatedLengthBytes = 1 + 8 + HeaderLengthBytes - MagicOffset;

    /// <summary>Where a group's first record begins.</summary>
    public static int RecordsStart(AtRestCipher? cipher) =>
        HeaderLengthBytes + (cipher is null ? 0 : AtRestCipher.EnvelopeLengthBytes);

    public static long LengthOf(ReadOnlySpan<LogEntry> entries, AtRestCipher? cipher)
    {
        long length = RecordsStart(cipher);
        foreach (ref readonly LogEntry entry in entries)
            length += RecordHeaderLengthBytes + entry.Payload.Length;
        return length;
    }

    public static void Encode(
        Span<byte> destination, ReadOnlySpan<LogEntry> entries, long position, long durableEnd, AtRestCipher? cipher)
    {
        Magic.CopyTo(destination[MagicOffset..]);
        BinaryPrimitives.WriteInt32LittleEndian(destination[12..], entries.Length);
        BinaryPrimitives.WriteInt32LittleEndian(destination[16..], destination.Length - HeaderLengthBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[20..], (uint)(position - durableEnd));
        Seal(destination[..HeaderLengthBytes], position);

        int offset = RecordsStart(cipher);
        foreach (ref readonly LogEntry entry in entries)
        {
            Span<byte> record = destination.Slice(offset, RecordHeaderLengthBytes + entry.Payload.Length);
            BinaryPrimitives.WriteInt32LittleEndian(record[8..], entry.Payload.Length);
            BinaryPrimitives.WriteInt32LittleEndian(record[12..], (byte)entry.Kind);
            entry.Author.WriteBytes(record[16..]);
            BinaryPrimitives.WriteInt64LittleEndian(record[32..], entry.FirstSequence);
            BinaryPrimitives.WriteInt64LittleEndian(record[40..], entry.LastSequence);
            entry.Payload.Span.CopyTo(record[RecordHeaderLengthBytes..]);
            Seal(record, position + offset);
            offset += record.Length;
        }
        if (cipher is null)
            return;
        Span<byte> associated = stackalloc byte[AssociatedLengthBytes];
        WriteAssociated(associated, destination, position);
        cipher.Seal(destination[RecordsStart(cipher)..],
            destination.Slice(HeaderLengthBytes, AtRestCipher.EnvelopeLengthBytes), associated);
    }

    /// <summary>Opens a group where it lies.</summary>
    /// <param name="group">From its first byte to its last.</param>
    /// <param name="position">The group's position.</param>
    /// <param name="cipher">The key.</param>
    public static bool TryOpen(Span<byte> group, long position, AtRestCipher cipher)
    {
        if (group.Length < RecordsStart(cipher))
            return false;
        Span<byte> associated = stackalloc byte[AssociatedLengthBytes];
        WriteAssociated(associated, group, position);
        return cipher.TryOpen(group[RecordsStart(cipher)..],
            group.Slice(HeaderLengthBytes, AtRestCipher.EnvelopeLengthBytes), associated);
    }

    public static bool TryReadHeader(ReadOnlySpan<byte> source, long position, out GroupHeader header)
    {
        header = default;
        if (source.Length < HeaderLengthBytes
            || !source.Slice(MagicOffset, Magic.Length).SequenceEqual(Magic)
            || !IsSealed(source[..HeaderLengthBytes], position))
        {
            return false;
        }

        header = new GroupHeader(
            BinaryPrimitives.ReadInt32LittleEndian(source[12..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[16..]),
            position - BinaryPrimitives.ReadUInt32LittleEndian(source[20..]));
        return header is { Count: >= 0, BodyLength: >= 0 }
            && header.BodyLength <= GroupLengthBytesMax - HeaderLengthBytes
            && header.BodyLength / RecordHeaderLengthBytes >= header.Count;
    }

    /// <summary>Reads the record that begins the source.</summary>
    /// <param name="source">From the record's first byte to the end of its group.</param>
    /// <param name="position">The record's position.</param>
    /// <param name="entry">The record; its payload lies in the source.</param>
    /// <param name="length">Its length in bytes.</param>
    public static bool TryReadRecord(ReadOnlyMemory<byte> source, long position, out LogEntry entry, out int length)
    {
        entry = default;
        length = 0;
        ReadOnlySpan<byte> span = source.Span;
        if (span.Length < RecordHeaderLengthBytes)
            return false;
        int payloadLength = BinaryPrimitives.ReadInt32LittleEndian(span[8..]);
        if (payloadLength < 0 || payloadLength > span.Length - RecordHeaderLengthBytes)
            return false;
        length = RecordHeaderLengthBytes + payloadLength;
        if (!IsSealed(span[..length], position))
            return false;

        entry = new LogEntry(
            (LogEntryKind)span[12],
            ReplicaId.FromBytes(span.Slice(16, ReplicaId.LengthBytes)),
            BinaryPrimitives.ReadInt64LittleEndian(span[32..]),
            BinaryPrimitives.ReadInt64LittleEndian(span[40..]),
            source.Slice(RecordHeaderLengthBytes, payloadLength));
        return true;
    }

    private static void WriteAssociated(Span<byte> associated, ReadOnlySpan<byte> group, long position)
    {
        associated[0] = (byte)'g';
        BinaryPrimitives.WriteInt64LittleEndian(associated[1..], position);
        group[MagicOffset..HeaderLengthBytes].CopyTo(associated[9..]);
    }

    private static void Seal(Span<byte> bytes, long position) =>
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, XxHash3.HashToUInt64(bytes[8..], position));

    private static bool IsSealed(ReadOnlySpan<byte> bytes, long position) =>
        BinaryPrimitives.ReadUInt64LittleEndian(bytes) == XxHash3.HashToUInt64(bytes[8..], position);
}
