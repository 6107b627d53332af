using System.Globalization;

namespace Crdt;

/// <summary>A counter: each author's sibling holds the author's running total.</summary>
internal sealed class CounterType() : DataType(PathKind.Counter, ReplaceRule.Own, "counter")
{
    public override Value? Read(IReadOnlyList<Sibling> siblings)
    {
        Int128 sum = 0;
        foreach (Sibling sibling in siblings) sum += Count(sibling.Value);
        return ValueOf(sum);
    }

    public override Value Store(Value argument, IReadOnlyList<Sibling> replaced) =>
        checked((replaced.Count == 0 ? 0 : replaced[0].Value.AsInteger()) + argument.AsInteger());

    public override string? Validate(Value argument) => argument.Kind == ValueKind.Integer
        ? null : $"A counter counts by integers, not by {argument.Kind}.";

    /// <summary>What a sibling counts. Only integers do: whatever else a later version, or somebody hostile, puts beside
    /// them must not stop a reader.</summary>
    public static Int128 Count(Value total) => total.Kind == ValueKind.Integer ? total.AsInteger() : 0;

    /// <summary>A sum as a value: an integer, or beyond 64 bits its digits as text, never rounded.</summary>
    public static Value ValueOf(Int128 sum) => sum >= long.MinValue && sum <= long.MaxValue
        ? Value.From((long)sum)
        : Value.From(sum.ToString(CultureInfo.InvariantCulture));
}
