namespace Crdt.Testing;

/// <summary>The team's server-role replica makes a snapshot.</summary>
public sealed record TakeSnapshot : Step
{
    /// <summary>The code that makes it.</summary>
    public override string ToString() => "new TakeSnapshot()";
}
