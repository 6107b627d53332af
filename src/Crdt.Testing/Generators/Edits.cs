using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Testing;

/// <summary>Generates edits in which things go together that seldom do: few names, few values, so that equal values,
/// clashes of kinds and repetitions are the rule.</summary>
public static class Edits
{
    /// <summary>Fields, members and their members; some have a policy in a <see cref="World"/>.</summary>
    public static IReadOnlyList<string> Paths { get; } =
        ["a", "b", "m", "m/x", "m/y", "m/x/z", "first", "merged", "merged/x", "merged/y", "manual", "t", "c", "m/t", "m/c"];

    /// <summary>JSON of the values that are written.</summary>
    public static IReadOnlyList<string> Values { get; } =
    [
        "null", "true", "0", "1", "2", "1.5", "\"s\"", "\"p\"", "{}", "{\"x\":1}", "{\"x\":2,\"y\":{\"z\":2}}", "[1]",
        "[\"p\",\"q\"]",
    ];

    private static readonly string[] Documents =
    [
        "{}", "{\"a\":1}", "{\"a\":2,\"b\":\"s\"}", "{\"m\":{\"x\":1}}", "{\"m\":{\"x\":{\"z\":1},\"y\":2}}", "{\"m\":{}}",
        "{\"merged\":{\"x\":1,\"y\":2}}", "{\"merged\":{\"y\":3}}", "{\"t\":[\"p\"]}", "{\"c\":3}", "{\"m\":{\"c\":1},\"c\":-1}",
        "{\"t\":[\"q\",\"p\"],\"manual\":1}",
    ];

    private static readonly string[] Patches =
    [
        .. Documents, "{\"a\":null}", "{\"m\":null}", "{\"m\":{\"x\":null}}", "{\"merged\":{\"x\":null}}",
        "{\"t\":null,\"c\":null}",
    ];

    private static readonly string[] SetPaths = ["t", "t", "m/t", "a", "m"];

    /// <summary>One step.</summary>
    public static Gen<Op> Op { get; } = Gen.Frequency(
        (6, from p in Gen.Elements<string>(Paths)
            from v in Gen.Elements<string>(Values)
            select new Op(OpKind.Set, p, v)),
        (2, from p in Gen.Elements<string>(Paths) select new Op(OpKind.Remove, p, "")),
        (2, from p in Gen.Elements("c", "c", "m/c", "a", "m/x")
            from n in Gen.Choose(-2, 3)
            select new Op(OpKind.Increment, p, $"{n}")),
        (2, from p in Gen.Elements(SetPaths) from e in Gen.Elements("p", "q") select new Op(OpKind.Add, p, e)),
        (1, from p in Gen.Elements(SetPaths) from e in Gen.Elements("p", "q") select new Op(OpKind.Discard, p, e)),
        (1, from d in Gen.Elements(Patches) select new Op(OpKind.Patch, "", d)),
        (1, from d in Gen.Elements(Documents) select new Op(OpKind.Replace, "", d)));

    /// <summary>One edit of any intent.</summary>
    public static Gen<Edit> Any { get; } = Gen.Frequency(
        (1, Of(EditIntent.Create)), (10, Of(EditIntent.Update)), (4, Of(EditIntent.Upsert)), (1, Of(EditIntent.Delete)),
        (3, Of(EditIntent.Resolve)));

    /// <summary>The edits of one transaction.</summary>
    public static Gen<Edit[]> Transaction { get; } = Gen.Frequency((4, Any.ArrayOf(1)), (1, Any.ArrayOf(3)));

    /// <summary>One edit of a given intent.</summary>
    public static Gen<Edit> Of(EditIntent kind) =>
        from entity in kind == EditIntent.Resolve
            ? Gen.Choose(0, 3) : Gen.Frequency((6, Gen.Constant(0)), (1, Gen.Choose(1, 2)))
        from asSeen in Gen.Frequency((3, Gen.Constant(false)), (2, Gen.Constant(true)))
        from ops in kind switch
        {
            EditIntent.Delete => Gen.Constant(Array.Empty<Op>()),
            EditIntent.Resolve => Gen.OneOf(Gen.Constant(Array.Empty<Op>()),
                Gen.Elements<string>(Values).Select(v => new[] { new Op(OpKind.Set, "", v) })),
            _ => Gen.Frequency((3, Op.ArrayOf(1)), (2, Op.ArrayOf(2)), (1, Op.ArrayOf(4))),
        }
        from refusedBy in Gen.Frequency((9, Gen.Constant(0)), (2, Gen.Choose(1, 3)))
        select new Edit(kind, entity, asSeen, ops) { RefusedBy = refusedBy };
}
