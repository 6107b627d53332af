namespace Crdt.Properties.Suites;

/// <summary>A type by the other rule: everybody's own last word, joined in order of the words.</summary>
[Trait("Law", "6")]
public class OwnWordsLaws : OwnDataTypeLaws
{
    public static readonly DataType Words = new OwnWords();

    public override DataType Type => Words;

    public override IReadOnlyList<Value> Arguments { get; } = ["a", "b", "c"];

    /// <summary>An author's words before a refused one come back beside those after it: they share no time.</summary>
    public override bool RefusalsLeaveNoTrace => false;

    public override Value? Expected(IReadOnlyList<RegisterOperation> operations) => string.Join(' ', operations
        .GroupBy(o => o.Dot.Replica).Select(g => g.MaxBy(o => o.Dot.Sequence)!.Argument!.Value.AsString())
        .Order(StringComparer.Ordinal));

    private sealed class OwnWords() : DataType(63, ReplaceRule.Own, "own words")
    {
        public override Value? Read(IReadOnlyList<Sibling> siblings) => string.Join(' ', siblings
            .Where(s => s.Value.Kind == ValueKind.String).Select(s => s.Value.AsString()).Order(StringComparer.Ordinal));

        public override string? Validate(Value argument) => argument.Kind == ValueKind.String
            ? null : $"A word is a text, not {argument.Kind}.";
    }
}
