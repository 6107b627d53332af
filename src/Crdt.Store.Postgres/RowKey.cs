using Crdt.Store.LiteDb;

namespace Crdt.Store.Postgres;

/// <summary>Entity keys as bytes that sort as keys do: domain, type, id, each in UTF-16 units of up to 3 bytes. Domain and type
/// are ended by 0 1; a 0 within them is 0 255, so that what is shorter comes first.</summary>
internal static class RowKey
{
    private const byte End = 1, Escaped = 0xFF;

    /// <summary>The key of an entity.</summary>
    public static byte[] Of(EntityKey key) => [.. OfType(key.Domain, key.Type), .. IdOf(key.Id)];

    /// <summary>What the keys of a type begin with.</summary>
    public static byte[] OfType(string domain, string type) => [.. Part(domain), .. Part(type)];

    /// <summary>What the keys of a domain begin with.</summary>
    public static byte[] Part(string name)
    {
        var bytes = new List<byte>(name.Length + 2);
        Span<byte> unit = stackalloc byte[3];
        foreach (char c in name)
        {
            bytes.AddRange(unit[..EntityKeyBytes.Write(c, unit)]);
            if (c == 0) bytes.Add(Escaped);
        }
        return [.. bytes, 0, End];
    }

    /// <summary>The end of all keys that begin so, itself not among them.</summary>
    public static byte[] After(byte[] prefix) => [.. prefix[..^1], End + 1];

    /// <summary>The entity of a key.</summary>
    public static EntityKey Decode(byte[] bytes)
    {
        int at = 0;
        string domain = Take(bytes, ref at), type = Take(bytes, ref at);
        return new EntityKey(domain, type, EntityKeyBytes.DecodeId(bytes, at));
    }

    private static ReadOnlySpan<byte> IdOf(string id) => EntityKeyBytes.Encode(0, id).AsSpan(EntityKeyBytes.TypeLengthBytes);

    private static string Take(byte[] bytes, ref int at)
    {
        var name = new List<byte>();
        while (bytes[at] != 0 || bytes[at + 1] != End)
        {
            name.Add(bytes[at]);
            at += bytes[at] == 0 ? 2 : 1;
        }
        at += 2;
        return EntityKeyBytes.DecodeId(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(name), 0);
    }
}
