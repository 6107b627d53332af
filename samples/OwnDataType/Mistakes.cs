using Crdt;
using Crdt.Testing;

namespace OwnDataType;

/// <summary>Wrong: stores what it is given. The sibling that held more is replaced, and its value dropped.</summary>
internal sealed class ForgetfulMaximum() : DataType(kind: 21, ReplaceRule.Observed, "forgetful maximum")
{
    public override string? Validate(Value argument) => MaxRegister.Instance.Validate(argument);

    public override Value? Read(IReadOnlyList<Sibling> siblings) => MaxRegister.Instance.Read(siblings);
}

/// <summary>Wrong: remembers what it has seen before, and shows what arrived last.</summary>
internal sealed class LastArrival() : DataType(kind: 22, ReplaceRule.Observed, "last arrival")
{
    private readonly HashSet<Dot> known = [];
    private Value? last;

    public override Value? Read(IReadOnlyList<Sibling> siblings)
    {
        foreach (Sibling sibling in siblings)
        {
            if (known.Add(sibling.Dot)) last = sibling.Value;
        }
        return last;
    }
}

/// <summary>The laws, put to a type that breaks them. Internal, so that no test run finds it.</summary>
internal sealed class ForgetfulMaximumLaws : OwnDataTypeLaws
{
    public override DataType Type { get; } = new ForgetfulMaximum();

    public override IReadOnlyList<Value> Arguments { get; } = [0, 1, 2];

    public override Value? Expected(IReadOnlyList<RegisterOperation> operations) =>
        operations.Max(o => o.Argument!.Value.AsInteger());
}

/// <summary>The laws, put to a type that breaks them. Each replica has its own instance, as if on a device of its own.</summary>
internal sealed class LastArrivalLaws : OwnDataTypeLaws
{
    public override DataType Type => new LastArrival();

    public override IReadOnlyList<Value> Arguments { get; } = [0, 1, 2];

    public override Value? Expected(IReadOnlyList<RegisterOperation> operations) =>
        PolicyLaws.Latest(PolicyLaws.Unreplaced(operations)).Argument;
}
