namespace Crdt.Testing;

/// <summary>One thing that happens to a register in a <see cref="RegisterHistory"/>.</summary>
/// <param name="Does">What.</param>
/// <param name="At">At which replica.</param>
/// <param name="To">To which it is sent; else of no meaning.</param>
/// <param name="Argument">What is written; else null.</param>
public sealed record RegisterStep(RegisterAction Does, int At, int To = 0, Value Argument = default)
{
    /// <summary>The step in words.</summary>
    public override string ToString() => Does switch
    {
        RegisterAction.Write => $"{Name(At)} writes {Argument.ToJson()}",
        RegisterAction.Remove => $"{Name(At)} removes",
        RegisterAction.Send => $"{Name(At)} -> {Name(To)}",
        _ => $"{Name(At)} is opened again",
    };

    private static char Name(int replica) => (char)('A' + replica);
}
