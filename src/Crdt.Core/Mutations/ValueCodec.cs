using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using MessagePack;

namespace Crdt;

/// <summary>Values as MessagePack, canonically: shortest integers, 64-bit doubles, the timestamp extension, one for blobs, members
/// in ordinal order. A text that stood earlier in the same batch is a reference to its first place.</summary>
internal static class ValueCodec
{
    /// <summary>MessagePack extension type of a reference to an earlier text.</summary>
    public const sbyte TextReference = 1;

    // Below 4 bytes a reference is no shorter; past 65,536 texts its index would not fit. Long texts that repeat are
    // left to the compression: by references to them a few bytes could stand for gigabytes.
    private const int ReferencedBytesMin = 4;
    private const int ReferencedBytesMax = 255;
    private const int ReferencedCountMax = 65_536;

    // A timestamp of 96 bits with its header.
    private const int ScalarLengthBytesMax = 15;

    // A header may promise more items than follow: no more than this is allocated before they are seen.
    private const int UnprovenCountMax = 64;

    /// <param name="writer">Takes the value.</param>
    /// <param name="value">The value.</param>
    /// <param name="texts">Texts of the batch so far; null where every value stands alone.</param>
    public static void Write(ref MessagePackWriter writer, Value value, FirstUseTable<string>? texts)
    {
        switch (value.Kind)
        {
            case ValueKind.Null:
                writer.WriteNil();
                break;
            case ValueKind.Boolean:
                writer.Write(value.AsBoolean());
                break;
            case ValueKind.Integer:
                writer.Write(value.AsInteger());
                break;
            case ValueKind.Double:
                writer.Write(value.AsDouble());
                break;
            case ValueKind.String:
                WriteText(ref writer, value.AsString(), texts);
                break;
            case ValueKind.Bytes:
                writer.Write(value.AsBytes().Span);
                break;
            case ValueKind.Timestamp:
                writer.Write(value.AsTimestamp().UtcDateTime);
                break;
            case ValueKind.Blob:
                BlobCodec.Write(ref writer, value.AsBlob());
                break;
            case ValueKind.Array:
                writer.WriteArrayHeader(value.AsArray().Count);
                foreach (Value item in value.AsArray()) Write(ref writer, item, texts);
                break;
            default:
                writer.WriteMapHeader(value.AsObject().Count);
                foreach ((string name, Value member) in value.AsObject())
                {
                    writer.Write(name);
                    Write(ref writer, member, texts);
                }
                break;
        }
    }

    /// <summary>What a value takes, encoded without references; an upper bound where that is surely within
    /// <paramref name="limitBytes"/>.</summary>
    public static int LengthBytes(Value value, int limitBytes)
    {
        if (value.Kind == ValueKind.String && value.AsString().Length < limitBytes / 4) return value.AsString().Length * 3 + 5;
        if (value.Kind < ValueKind.String || value.Kind == ValueKind.Timestamp) return ScalarLengthBytesMax;
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(buffer);
        Write(ref writer, value, null);
        writer.Flush();
        return buffer.WrittenCount;
    }

    /// <summary>The value alone, without references.</summary>
    public static byte[] Encode(Value value)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(buffer);
        Write(ref writer, value, null);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    public static Value Read(ref CanonicalReader reader, FirstUseTable<string>? texts, string what)
    {
        long before = reader.Offset + reader.ReferencedBytes;
        Value value = Read(ref reader, texts, what, 0);
        long lengthBytes = reader.Offset + reader.ReferencedBytes - before;
        if (lengthBytes > FormatLimits.ValueLengthBytesMax)
        {
            throw reader.Fail(BatchError.LimitExceeded,
                $"{what} takes {lengthBytes} bytes; {FormatLimits.ValueLengthBytesMax} are allowed");
        }
        return value;
    }

    private static Value Read(ref CanonicalReader reader, FirstUseTable<string>? texts, string what, int depth)
    {
        switch (reader.NextType)
        {
            case MessagePackType.Nil:
                reader.ReadNil();
                return Value.Null;
            case MessagePackType.Boolean:
                return Value.From(reader.ReadBoolean());
            case MessagePackType.Integer:
                return Value.From(reader.ReadInt64());
            case MessagePackType.Float:
                return Value.From(reader.ReadDouble());
            case MessagePackType.String:
                return Value.FromTrusted(ReadText(ref reader, texts, what));
            case MessagePackType.Binary:
                return Value.FromTrusted(reader.ReadBytes(FormatLimits.ValueLengthBytesMax, what).ToArray());
            case MessagePackType.Array:
                return ReadArray(ref reader, texts, what, depth + 1);
            case MessagePackType.Map:
                return ReadObject(ref reader, texts, what, depth + 1);
            case MessagePackType.Extension when reader.PeekExtensionType() == TextReference:
                return ReadReference(ref reader, texts);
            case MessagePackType.Extension when reader.PeekExtensionType() == ReservedMessagePackExtensionTypeCode.DateTime:
                return Value.FromTicks(reader.ReadTimestamp().Ticks);
            case MessagePackType.Extension when reader.PeekExtensionType() == BlobCodec.ExtensionType:
                return reader.ReadBlob();
            default:
                throw reader.Fail(BatchError.UnexpectedType, $"{what} is of no known type");
        }
    }

    private static void WriteText(ref MessagePackWriter writer, string text, FirstUseTable<string>? texts)
    {
        if (texts is not null && IsReferenced(Encoding.UTF8.GetByteCount(text)))
        {
            int known = texts.IndexOf(text);
            if (known >= 0)
            {
                WriteReference(ref writer, known);
                return;
            }
            if (texts.Count < ReferencedCountMax) texts.TryAdd(text);
        }
        writer.Write(text);
    }

    private static void WriteReference(ref MessagePackWriter writer, int index)
    {
        int lengthBytes = index <= byte.MaxValue ? 1 : 2;
        writer.WriteExtensionFormatHeader(new ExtensionHeader(TextReference, lengthBytes));
        Span<byte> data = writer.GetSpan(lengthBytes);
        if (lengthBytes == 1) data[0] = (byte)index;
        else BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)index);
        writer.Advance(lengthBytes);
    }

    private static string ReadText(ref CanonicalReader reader, FirstUseTable<string>? texts, string what)
    {
        ReadOnlySpan<byte> utf8 = reader.ReadUtf8(FormatLimits.ValueLengthBytesMax, what);
        string text = Encoding.UTF8.GetString(utf8);
        if (texts is null || !IsReferenced(utf8.Length)) return text;
        if (texts.Count < ReferencedCountMax ? !texts.TryAdd(text) : texts.IndexOf(text) >= 0)
            throw reader.Fail(BatchError.NotCanonical, $"{what} repeats a text that it must refer to");
        return text;
    }

    private static Value ReadReference(ref CanonicalReader reader, FirstUseTable<string>? texts)
    {
        int index = reader.ReadReference(TextReference);
        if (texts is null || index >= texts.Count)
            throw reader.Fail(BatchError.OutOfRange, $"A reference to text {index}, which has not stood before");
        reader.ReferencedBytes += Encoding.UTF8.GetByteCount(texts[index]);
        return Value.FromTrusted(texts[index]);
    }

    private static bool IsReferenced(int lengthBytes) => lengthBytes is >= ReferencedBytesMin and <= ReferencedBytesMax;

    private static Value ReadArray(ref CanonicalReader reader, FirstUseTable<string>? texts, string what, int depth)
    {
        int count = CheckNesting(ref reader, reader.ReadArrayHeader(what), what, depth);
        var items = new List<Value>(Math.Min(count, UnprovenCountMax));
        for (int i = 0; i < count; i++) items.Add(Read(ref reader, texts, what, depth));
        return Value.FromTrusted(items.ToArray());
    }

    private static Value ReadObject(ref CanonicalReader reader, FirstUseTable<string>? texts, string what, int depth)
    {
        int count = CheckNesting(ref reader, reader.ReadMapHeader(what), what, depth);
        var members = new List<KeyValuePair<string, Value>>(Math.Min(count, UnprovenCountMax));
        for (int i = 0; i < count; i++)
        {
            string name = Encoding.UTF8.GetString(reader.ReadUtf8(FormatLimits.ValueLengthBytesMax, "A member's name"));
            if (i > 0 && string.CompareOrdinal(members[i - 1].Key, name) >= 0)
                throw reader.Fail(BatchError.NotCanonical, "The members are not in order");
            members.Add(new(name, Read(ref reader, texts, what, depth)));
        }
        return count == 0 ? Value.EmptyObject : Value.FromTrusted(members.ToArray());
    }

    private static int CheckNesting(ref CanonicalReader reader, int count, string what, int depth)
    {
        if (depth > FormatLimits.DepthMax)
            throw reader.Fail(BatchError.LimitExceeded, $"{what} nests deeper than {FormatLimits.DepthMax} levels");
        return count;
    }
}
