using System.Security.Cryptography;
using static Crdt.MutationKind;

namespace Crdt.Properties.Spec;

/// <summary>The batches of docs/vectors/batches.json: together they use every bit of the layout.</summary>
internal static class BatchCases
{
    public static readonly ReplicaId A = ReplicaId.FromBytes(Convert.FromHexString("0a000000000040008000000000000001"));
    public static readonly ReplicaId B = ReplicaId.FromBytes(Convert.FromHexString("0b000000000040008000000000000002"));
    public static readonly ReplicaId C = ReplicaId.FromBytes(Convert.FromHexString("0c000000000040008000000000000003"));

    private static readonly EntityKey Strike = new("incident", "strike", "42");
    private static readonly EntityKey Case = new("investigation", "case", "7f1c2d3e-0000-4000-8000-00000000abcd");

    public static IEnumerable<BatchCase> All()
    {
        yield return new BatchCase("one field of a new entity", A, 1)
            .Mutation(Create, Strike).Root().Set("species", "gull").End();
        yield return Updates();
        yield return Values();
        yield return Kinds();
        yield return Extras();
        yield return Timestamps();
        yield return Blobs();
        yield return Texts();
        yield return Rules();
        yield return Roles();
        yield return Memory();
        yield return Annotations();
        yield return Long();
    }

    private static BatchCase Updates()
    {
        var made = new BatchCase("observed dots: none, as the root's, one, a list, of others", B, 100);
        made.Mutation(Update, Strike).Root(new Dot(A, 1)).Set("species", "heron", new Dot(A, 1)).End();
        made.Mutation(Update, Strike).Root(made.Own(100)).Set("species", "ibis", made.Own(100), new Dot(A, 3), new Dot(C, 7)).End();
        made.Mutation(Update, Strike).Root(made.Own(101), new Dot(C, 9)).Set("city", "Oslo", new Dot(C, 8)).Set("note", Value.Null)
            .Remove("species", made.Own(101)).End();
        made.Mutation(Update, Case).Set("views", 1).End();
        return made;
    }

    private static BatchCase Values() => new BatchCase("values of every kind", A, 10)
        .Mutation(Create, Case).Root()
        .Set("a", Value.Null).Set("b", true).Set("c", false).Set("d", 0).Set("e", -1).Set("f", -33).Set("g", 200)
        .Set("h", long.MaxValue).Set("i", long.MinValue).Set("j", 1.5).Set("k", -0.0).Set("l", "")
        .Set("m", "Füchse 🦊").Set("n", new byte[] { 0, 1, 255 })
        .Set("o", new DateTimeOffset(2026, 5, 1, 8, 0, 0, TimeSpan.Zero))
        .Set("p", new DateTimeOffset(2026, 5, 1, 8, 0, 0, TimeSpan.Zero).AddTicks(1))
        .Set("q", new DateTimeOffset(1900, 1, 1, 0, 0, 0, TimeSpan.Zero).AddTicks(5))
        .Set("r", Value.ArrayOf(1, "two", Value.ArrayOf()))
        .Set("s", Value.ObjectOf(KeyValuePair.Create("b", (Value)1), KeyValuePair.Create("a", Value.EmptyObject)))
        .End();

    private static BatchCase Blobs() => new BatchCase("a blob, its content \"hello\"", A, 30)
        .Mutation(Create, Case).Root()
        .Set("photo", new Blob(
            new BlobTree(5).RootOf(BlobTree.HashLeaf("hello"u8)), BlobHash.FromBytes(SHA256.HashData("hello"u8)), 5, "text/plain", "größe 鳥.txt"))
        .End();

    private static BatchCase Kinds() => new BatchCase("paths: nested maps, set elements, counters", A, 50)
        .Mutation(Update, Strike).Root(new Dot(A, 49))
        .Remove(FieldPath.Field("tags").Element("wet"), new Dot(C, 2)).Set(FieldPath.Field("tags").Element("night"), true)
        .Set(FieldPath.Of("address", "city"), "Oslo").Set(FieldPath.Field("views").AsCounter(), 3).End()
        .Mutation(Update, Strike).Set(FieldPath.Field("views").AsCounter(), 5).CounterStart(50).End();

    private static BatchCase Extras() => new BatchCase("user, request, re-issued dot, context", A, 5)
        .Mutation(Create, Strike, "ana", new MutationOrigin(new Guid("11111111-2222-4333-8444-555555555555"), null)).Root()
        .Set("x", 1)
        .Mutation(Create, Case, "bo", new MutationOrigin(null, new Dot(C, 77)), Value.ObjectOf(KeyValuePair.Create("app", (Value)"1.2")))
        .Root().Set("x", 1).End()
        .Mutation(Update, Case, "ana").Root(new Dot(A, 6)).Set("x", 2, new Dot(A, 6)).End();

    private static BatchCase Timestamps()
    {
        var made = new BatchCase("timestamps: same millisecond, later, later with a counter", A, 1);
        foreach ((int milliseconds, int counter) in new[] { (0, 5), (0, 6), (0, 900), (1, 0), (700, 0), (2, 65_535), (86_400_000, 0) })
            made.After(milliseconds, counter).Mutation(Create, new EntityKey("d", "t", $"{milliseconds}-{counter}")).Root().End();
        return made;
    }

    private static BatchCase Texts()
    {
        var made = new BatchCase("texts that repeat", A, 1);
        made.Mutation(Create, Strike).Root().Set("a", "abcd").Set("b", "abcd").Set("c", "abc").Set("d", "abc")
            .Set("e", Value.ArrayOf("abcd", Value.ObjectOf(KeyValuePair.Create("abcd", (Value)"wxyz")), "wxyz")).End();
        return made;
    }

    private static BatchCase Rules()
    {
        var made = new BatchCase("claims, a delete with the heads it replaced, a resolution", C, 9);
        made.Mutation(Update, Strike).Root(new Dot(A, 4)).Set("seat", "12a", new Dot(B, 3)).Claim(1_777_000_000_000UL << 16).End();
        made.Mutation(Resolve, Strike).Root(made.Own(9)).Set("species", "gull", new Dot(A, 3), new Dot(B, 2)).End();
        made.Mutation(Delete, Strike).Root(made.Own(10), new Dot(A, 5), new Dot(B, 4)).End();
        return made;
    }

    private static BatchCase Roles()
    {
        var made = new BatchCase("written in the server role", B, 3);
        made.Columns.Role = ReplicaRole.Server;
        return made.Mutation(Create, new EntityKey("$space", "policy", "incident/strike")).Root().Set("conflict", "Manual").End();
    }

    private static BatchCase Memory()
    {
        var made = new BatchCase("a value that remembers what was replaced before", A, 5);
        return made.Mutation(Update, Strike).Root(made.Own(4)).Set("seat", "12a", new Dot(B, 3)).Remember(new Dot(A, 2), new Dot(C, 7)).End();
    }

    private static BatchCase Annotations()
    {
        var made = new BatchCase("marks, a purge, a fence", B, 20);
        made.Columns.Role = ReplicaRole.Server;
        var replaced = new MarkedSibling(new Dot(A, 3), ReplicaRole.Client, new(1_777_000_000_000UL << 16),
            new(1_776_000_000_000UL << 16), IsLost: true, "gull", [new Dot(C, 1)]);
        var back = new MarkedSibling(new Dot(A, 6), ReplicaRole.Client, new(1_777_000_000_000UL << 16), default, false, -3, []);
        made.Mutation(Mark, Strike).Mark("species", MarkContent.Lost, new Dot(A, 4), new Dot(C, 2));
        made.Mutation(Mark, Strike).Mark(FieldPath.Root, new MarkContent(MarkKind.Refused, RefusalCode.ScopeMissing, []), new Dot(C, 3))
            .Mark("species", new MarkContent(MarkKind.Refused, RefusalCode.ScopeMissing, [replaced]), new Dot(C, 3));
        made.Mutation(Mark, Strike).Mark("gone", new MarkContent(MarkKind.Restored, default, [replaced]))
            .Mark(FieldPath.FromTrusted([.. FieldPath.Field("n").AsCounter().Bytes, 4, 3, .. "a-6"u8]),
                new MarkContent(MarkKind.Restored, default, [back])).End();
        made.Mutation(Purge, Case).Root(new Dot(A, 5), new Dot(C, 2)).Remove("species", new Dot(A, 4)).End();
        return made.Mutation(MutationKind.Fence, new EntityKey("$space", "fence", $"{C}")).Root().Set("7-00ff", "lost").End();
    }

    private static BatchCase Long()
    {
        var made = new BatchCase("long enough to be compressed", A, 1);
        for (int i = 0; i < 12; i++)
            made.Mutation(Create, new EntityKey("incident", "strike", $"report-{i:D4}")).Root().Set("state", $"waiting for {i}").End();
        return made;
    }
}
