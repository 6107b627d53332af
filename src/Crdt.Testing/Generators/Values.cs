using System.Security.Cryptography;
using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Testing;

/// <summary>Generates values of every kind, also those that few would write: empty and nested ones, extreme numbers,
/// letters beyond the basic plane.</summary>
public static class Values
{
    private static readonly string[] Texts = ["", "a", "b", "species", "größe", "鳥", "🦅", "x/y", "~", new('n', 255)];

    /// <summary>Few values, so that equal ones meet often.</summary>
    public static Gen<Value> Few { get; } = Gen.Elements<Value>(Value.Null, true, 0, 1, 2, 1.5, "s", "p", Value.EmptyObject);

    /// <summary>Values without parts.</summary>
    public static Gen<Value> Scalar { get; } = Gen.Frequency(
        (3, Few),
        (1, Gen.Elements<Value>(long.MinValue, long.MaxValue, -1, double.Epsilon, double.MaxValue, -0.0)),
        (1, Gen.Choose(int.MinValue, int.MaxValue).Select(n => (Value)n)),
        (1, Gen.Elements(Texts).Select(t => (Value)t)),
        (1, Gen.Choose(0, 255).ArrayOf().Select(b => (Value)b.Select(n => (byte)n).ToArray())),
        (1, Gen.Choose(0, int.MaxValue).Select(s => (Value)DateTimeOffset.FromUnixTimeSeconds(s))),
        (1, from content in Gen.Choose(0, 255).ArrayOf() from name in Gen.Elements("", "a.jpg", "鳥 🦅.png") select (Value)Attachment(content, name)));

    /// <summary>Any value, up to three levels deep, with a shrinker.</summary>
    public static Arbitrary<Value> Any { get; } = Arb.From(Deep(3), Shrink.Of);

    private static Blob Attachment(int[] content, string name)
    {
        byte[] bytes = [.. content.Select(n => (byte)n)];
        return new Blob(
            bytes.Length == 0 ? BlobTree.EmptyRoot : new BlobTree(bytes.Length).RootOf(BlobTree.HashLeaf(bytes)),
            BlobHash.FromBytes(SHA256.HashData(bytes)), bytes.Length, "image/jpeg", name);
    }

    private static Gen<Value> Deep(int levels) => levels == 0 ? Scalar : Gen.Frequency(
        (4, Scalar),
        (1, from count in Gen.Choose(0, 3) from items in Deep(levels - 1).ArrayOf(count) select Value.ArrayOf(items)),
        (1, from count in Gen.Choose(0, 3)
            from members in Deep(levels - 1).ArrayOf(count)
            select Value.ObjectOf(members.Select((m, i) => KeyValuePair.Create($"{Texts[i + 1]}", m)))));
}
