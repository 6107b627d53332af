namespace Crdt.Properties.Suites;

/// <summary>A type by the usual rule: the greatest integer that anybody wrote.</summary>
[Trait("Law", "6")]
public class MaximumLaws : OwnDataTypeLaws
{
    public static readonly DataType Maximum = new MaximumType();

    public override DataType Type => Maximum;

    public override IReadOnlyList<Value> Arguments { get; } = [0, 1, 2, -1];

    public override bool RefusalsLeaveNoTrace => false;

    public override Value? Expected(IReadOnlyList<RegisterOperation> operations) =>
        operations.Max(o => o.Argument!.Value.AsInteger());

    private sealed class MaximumType() : DataType(16, ReplaceRule.Observed, "maximum")
    {
        public override Value? Read(IReadOnlyList<Sibling> siblings)
        {
            Sibling[] numbers = [.. siblings.Where(s => s.Value.Kind == ValueKind.Integer)];
            return numbers.Length == 0 ? (Value?)null : numbers.Max(s => s.Value.AsInteger());
        }

        public override Value Store(Value argument, IReadOnlyList<Sibling> replaced) =>
            replaced.Where(s => s.Value.Kind == ValueKind.Integer).Select(s => s.Value.AsInteger()).Append(argument.AsInteger()).Max();

        public override string? Validate(Value argument) => argument.Kind == ValueKind.Integer
            ? null : $"A maximum is of integers, not of {argument.Kind}.";
    }
}
