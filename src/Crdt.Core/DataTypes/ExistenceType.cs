namespace Crdt;

/// <summary>The root register: update wins, so an entity is alive while any sibling says so.</summary>
internal sealed class ExistenceType() : DataType(PathKind.Key, ReplaceRule.Observed, "existence")
{
    public override Value? Read(IReadOnlyList<Sibling> siblings) => siblings.Any(s => s.Value == Value.True);
}
