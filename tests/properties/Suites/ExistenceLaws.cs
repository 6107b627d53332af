namespace Crdt.Properties.Suites;

/// <summary>The root register: true is any update, false a delete.</summary>
[Trait("Law", "5")]
public class ExistenceLaws : DataTypeLaws
{
    public override DataType Type => DataTypes.Existence;

    public override IReadOnlyList<Value> Arguments { get; } = [true, false];

    public override Value? AfterRemoval => false;

    /// <summary>A life that a refused delete took away comes back, also where somebody else had ended it since.</summary>
    public override bool RefusalsLeaveNoTrace => false;

    /// <summary>Alive, if there is a life that no delete had seen; it was alive to begin with.</summary>
    public override Value? Expected(IReadOnlyList<RegisterOperation> operations)
    {
        RegisterOperation[] deletes = [.. operations.Where(o => o.Argument == Value.False)];
        return deletes.Length == 0 || operations.Except(deletes).Any(life => !deletes.Any(d => d.Seen.Contains(life.Dot)));
    }

    public override FieldPath RegisterOf(FieldPath name) => FieldPath.Root;

    public override void Write(Transaction transaction, EntityKey key, FieldPath name, Value argument)
    {
        if (argument == Value.True) transaction.Upsert(key).Increment("touched");
        else transaction.Delete(key);
    }

    public override void Remove(Transaction transaction, EntityKey key, FieldPath name) => transaction.Delete(key);

    public override Value? Read(Replica replica, EntityKey key, FieldPath name) => replica.GetWithDeleted(key)?.Exists;
}
