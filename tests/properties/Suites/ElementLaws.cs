namespace Crdt.Properties.Suites;

[Trait("Law", "5")]
public class ElementLaws : DataTypeLaws
{
    public override DataType Type => DataTypes.Element;

    public override IReadOnlyList<Value> Arguments { get; } = ["p"];

    public override bool MeansWithRemovals => true;

    /// <summary>There, if somebody added it whom no removal had seen.</summary>
    public override Value? Expected(IReadOnlyList<RegisterOperation> operations) =>
        operations.Any(add => add.Argument is not null
            && !operations.Any(removal => removal.Argument is null && removal.Seen.Contains(add.Dot)))
            ? Value.True : (Value?)null;

    public override FieldPath RegisterOf(FieldPath name) => name.Element("p");

    public override void Remove(Transaction transaction, EntityKey key, FieldPath name) =>
        transaction.Update(key).Discard(name, "p");

    public override Value? Read(Replica replica, EntityKey key, FieldPath name) =>
        replica.Get(key) is { } entity && entity.GetSet(name).Contains("p") ? Value.True : (Value?)null;
}
