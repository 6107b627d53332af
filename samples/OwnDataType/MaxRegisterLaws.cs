using Crdt;
using Crdt.Testing;

namespace OwnDataType;

/// <summary>All laws, for the max register: that is the whole test.</summary>
public class MaxRegisterLaws : OwnDataTypeLaws
{
    /// <inheritdoc/>
    public override DataType Type => MaxRegister.Instance;

    /// <summary>Simple ones first, so that a counter-example holds the least.</summary>
    public override IReadOnlyList<Value> Arguments { get; } = [0, 1, 2, -1, long.MaxValue];

    /// <summary>A write holds the greatest that it replaced, also of what is refused later.</summary>
    public override bool RefusalsLeaveNoTrace => false;

    /// <summary>What the type means, without siblings and replicas: the greatest that was ever written.</summary>
    public override Value? Expected(IReadOnlyList<RegisterOperation> operations) =>
        operations.Max(o => o.Argument!.Value.AsInteger());
}
