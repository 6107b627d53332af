namespace Crdt.Properties.Suites;

[Trait("Law", "6")]
public class CounterLaws : DataTypeLaws
{
    public override DataType Type => DataTypes.Counter;

    public override IReadOnlyList<Value> Arguments { get; } = [1, 2, -1, 7];

    /// <summary>A removal counts back: the counter stays, at nothing.</summary>
    public override Value? AfterRemoval => 0;

    public override Value? Expected(IReadOnlyList<RegisterOperation> operations) =>
        operations.Sum(o => o.Argument!.Value.AsInteger());
}
