namespace Crdt;

/// <summary>An element of an observed-remove set. Adds win: a removal takes away only the adds that it saw.</summary>
internal sealed class ElementType() : DataType(PathKind.Element, ReplaceRule.Observed, "set element")
{
    public override Value? Read(IReadOnlyList<Sibling> siblings) => Value.True;

    public override Value Store(Value argument, IReadOnlyList<Sibling> replaced) => Value.True;

    public override string? Validate(Value argument) => argument.Kind == ValueKind.String
        ? null : $"An element is a text, not {argument.Kind}.";
}
