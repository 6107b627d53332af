using Crdt;

namespace OwnDataType;

/// <summary>Holds the greatest integer that anybody wrote: the highest water, the fastest time, a version number.
/// Concurrent writes cannot conflict, because the greater one is right whoever was first.</summary>
/// <remarks>
/// State: siblings, each with one integer. Write: the greater of what is given and what is replaced, so that nothing is
/// lost with the siblings that it replaces. Read: the greatest of the siblings. Commutative, associative and idempotent,
/// because the maximum is.
/// </remarks>
public sealed class MaxRegister() : DataType(kind: 20, ReplaceRule.Observed, "max register")
{
    /// <summary>The type has no state, so one will do.</summary>
    public static MaxRegister Instance { get; } = new();

    /// <inheritdoc/>
    public override string? Validate(Value argument) =>
        argument.Kind == ValueKind.Integer ? null : $"A max register holds integers, not {argument.Kind}.";

    /// <inheritdoc/>
    public override Value Store(Value argument, IReadOnlyList<Sibling> replaced) =>
        Greatest(replaced.Select(s => s.Value).Append(argument))!.Value;

    /// <inheritdoc/>
    public override Value? Read(IReadOnlyList<Sibling> siblings) => Greatest(siblings.Select(s => s.Value));

    // A hostile author puts what it likes into a register: what is no integer is not looked at.
    private static Value? Greatest(IEnumerable<Value> values)
    {
        long[] integers = [.. values.Where(v => v.Kind == ValueKind.Integer).Select(v => v.AsInteger())];
        return integers.Length == 0 ? null : (Value?)integers.Max();
    }
}
