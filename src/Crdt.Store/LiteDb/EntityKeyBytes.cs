using System.Buffers.Binary;
using System.Text;

namespace Crdt.Store.LiteDb;

/// <summary>Entity keys as index keys: the number of the type, big-endian, then the id, so that bytes sort as ids
/// do.</summary>
/// <remarks>Ids sort by UTF-16 code units, so a surrogate is encoded by itself, in three bytes, as CESU-8 does.
/// Together
/// at most 4 + 383 bytes; LiteDB takes 1,021.</remarks>
internal static class EntityKeyBytes
{
    public const int TypeLengthBytes = 4;

    public static byte[] Encode(int type, string id)
    {
        int length = TypeLengthBytes;
        foreach (char unit in id) length += LengthOf(unit);

        byte[] bytes = new byte[length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, type);
        int at = TypeLengthBytes;
        foreach (char unit in id) at += Write(unit, bytes.AsSpan(at));
        return bytes;
    }

    /// <summary>How many bytes a UTF-16 unit takes.</summary>
    public static int LengthOf(char unit) => unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;

    /// <summary>Writes a UTF-16 unit, so that bytes sort as units do.</summary>
    /// <returns>How many bytes that took.</returns>
    public static int Write(char unit, Span<byte> to)
    {
        if (unit < 0x80)
        {
            to[0] = (byte)unit;
            return 1;
        }
        if (unit < 0x800)
        {
            to[0] = (byte)(0xC0 | (unit >> 6));
            to[1] = (byte)(0x80 | (unit & 0x3F));
            return 2;
        }
        to[0] = (byte)(0xE0 | (unit >> 12));
        to[1] = (byte)(0x80 | ((unit >> 6) & 0x3F));
        to[2] = (byte)(0x80 | (unit & 0x3F));
        return 3;
    }

    /// <param name="bytes">A key that ends with an id.</param>
    /// <param name="from">Where the id begins.</param>
    public static string DecodeId(ReadOnlySpan<byte> bytes, int from = TypeLengthBytes)
    {
        var id = new StringBuilder(bytes.Length);
        for (int at = from; at < bytes.Length;)
        {
            byte lead = bytes[at];
            if (lead < 0x80)
            {
                id.Append((char)lead);
                at++;
            }
            else if (lead < 0xE0)
            {
                id.Append((char)(((lead & 0x1F) << 6) | (bytes[at + 1] & 0x3F)));
                at += 2;
            }
            else
            {
                id.Append((char)(((lead & 0x0F) << 12) | ((bytes[at + 1] & 0x3F) << 6) | (bytes[at + 2] & 0x3F)));
                at += 3;
            }
        }
        return id.ToString();
    }

    /// <summary>The least key of a type; of the next one, the upper end of this one's range.</summary>
    public static byte[] LeastOf(int type)
    {
        byte[] bytes = new byte[TypeLengthBytes];
        BinaryPrimitives.WriteInt32BigEndian(bytes, type);
        return bytes;
    }
}
