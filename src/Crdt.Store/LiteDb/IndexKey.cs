using System.Buffers.Binary;
using LiteDB;

namespace Crdt.Store.LiteDb;

/// <summary>What stands for an entity in an index: the visible value as bytes that sort as queries sort values, then the id. So
/// no two entities share a key, an index is read page by page, and its order is that of queries.</summary>
/// <remarks>
/// <para>LiteDB's own order would not do: it cannot compare a large double with an integer, and refuses keys above 1,021
/// bytes, which any peer may write. Here texts are cut after <see cref="TextLengthBytesMax"/> and instants after the
/// millisecond; whoever reads sorts those out by the entities.</para>
/// <para>Kind (1 byte), then: truth value, 1; number, the nearest double (8) and what an integer has beyond it (2); instant, 8;
/// text, its UTF-16 units in up to 3 bytes each, ended by 0, or by 255 where it was cut.</para>
/// </remarks>
internal static class IndexKey
{
    /// <summary>Kinds, in their order.</summary>
    public const byte Unknown = 0, Absent = 1, Truth = 2, Number = 3, Instant = 4, Text = 5, Bytes = 6, Array = 7, Object = 8;

    /// <summary>Behind every byte that a value or an id goes on with.</summary>
    public const byte Above = 0xFF;

    private const int TextLengthBytesMax = 200;

    /// <summary>The key of a document in the index of a field.</summary>
    /// <param name="document">As <see cref="MaterializedDocument"/> makes it.</param>
    /// <param name="field">The field.</param>
    /// <param name="id">The entity's id.</param>
    public static byte[] Of(BsonDocument document, FieldPath field, string id)
    {
        byte[] value = document.ContainsKey(MaterializedDocument.TooLarge) ? [Unknown] : OfValue(Read(document, field));
        ReadOnlySpan<byte> encodedId = EntityKeyBytes.Encode(0, id).AsSpan(EntityKeyBytes.TypeLengthBytes);
        return [.. value, .. encodedId];
    }

    /// <summary>The bytes of a value that a condition names.</summary>
    public static byte[] OfValue(Value value) => value.Kind switch
    {
        ValueKind.Null => [Absent],
        ValueKind.Boolean => [Truth, value.AsBoolean() ? (byte)1 : (byte)0],
        ValueKind.Integer => OfNumber(value.AsInteger(), value.AsInteger()),
        ValueKind.Double => OfNumber(value.AsDouble(), null),
        ValueKind.Timestamp => OfInstant(value.AsTimestamp().UtcDateTime),
        ValueKind.String => OfText(value.AsString()),
        ValueKind.Bytes => [Bytes],
        ValueKind.Array => [Array],
        _ => [Object],
    };

    public static byte[] OfInstant(DateTime utc)
    {
        byte[] bytes = new byte[9];
        bytes[0] = Instant;
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(1), utc.Ticks / TimeSpan.TicksPerMillisecond);
        return bytes;
    }

    /// <summary>What the bytes of all texts begin with that begin with a text.</summary>
    public static byte[] OfTextPrefix(string prefix) => OfText(prefix)[..^1];

    /// <summary>How many bytes of a key are the value's, and whether they tell all of it.</summary>
    public static (int Length, bool IsExact) ValueIn(ReadOnlySpan<byte> key)
    {
        switch (key[0])
        {
            case Truth:
                return (2, true);
            case Number:
                return (11, true);
            case Instant:
                return (9, false);
            case Text:
                int end = 1 + key[1..].IndexOfAny((byte)0, Above);
                return (end + 1, key[end] == 0);
            default:
                return (1, true);
        }
    }

    private static byte[] OfNumber(double nearest, long? integer)
    {
        byte[] bytes = new byte[11];
        bytes[0] = Number;
        // 0.0 and -0.0 are the same number.
        long bits = BitConverter.DoubleToInt64Bits(nearest == 0 ? 0 : nearest);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(1), bits < 0 ? ~bits : bits ^ long.MinValue);
        int beyond = integer is { } exact ? (int)((Int128)exact - (Int128)nearest) : 0;
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(9), (ushort)(beyond + 0x8000));
        return bytes;
    }

    private static byte[] OfText(string text)
    {
        Span<byte> bytes = stackalloc byte[1 + TextLengthBytesMax + 1];
        bytes[0] = Text;
        int at = 1;
        foreach (char unit in text)
        {
            // 0 ends a text; what is 0 or 1 itself takes two bytes.
            int length = unit < 0x02 ? 2 : EntityKeyBytes.LengthOf(unit);
            if (at + length > 1 + TextLengthBytesMax)
            {
                bytes[at] = Above;
                return bytes[..(at + 1)].ToArray();
            }
            if (unit < 0x02) (bytes[at], bytes[at + 1]) = (1, (byte)(unit + 1));
            else EntityKeyBytes.Write(unit, bytes[at..]);
            at += length;
        }
        bytes[at] = 0;
        return bytes[..(at + 1)].ToArray();
    }

    private static Value Read(BsonDocument document, FieldPath field)
    {
        BsonValue? value = document;
        foreach (PathSegment segment in field.Segments)
        {
            value = value is BsonDocument members ? Member(members, segment.Name) : null;
            if (value is null) return Value.Null;
        }
        return value.Type switch
        {
            BsonType.Boolean => value.AsBoolean,
            BsonType.Int32 or BsonType.Int64 => value.AsInt64,
            BsonType.Double => value.AsDouble,
            BsonType.String => value.AsString,
            BsonType.DateTime => new DateTimeOffset(value.AsDateTime.ToUniversalTime()),
            BsonType.Binary => Value.From(ReadOnlySpan<byte>.Empty),
            BsonType.Array => Value.ArrayOf(),
            BsonType.Document => Value.EmptyObject,
            _ => Value.Null,
        };
    }

    // LiteDB finds members without regard to case; those that differ in nothing else are among the others.
    private static BsonValue? Member(BsonDocument members, string name)
    {
        foreach ((string held, BsonValue value) in members)
        {
            if (held == name && !MaterializedDocument.IsReserved(held)) return value;
        }
        if (!members.TryGetValue(MaterializedDocument.OtherFields, out BsonValue? others)) return null;
        foreach (BsonValue other in others.AsArray)
        {
            if (other["name"].AsString == name) return other["value"];
        }
        return null;
    }
}
