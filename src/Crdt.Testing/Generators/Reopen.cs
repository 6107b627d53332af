namespace Crdt.Testing;

/// <summary>The process dies and opens its store again.</summary>
/// <param name="At">Number of the replica.</param>
public sealed record Reopen(int At) : Step
{
    /// <summary>The code that makes it.</summary>
    public override string ToString() => $"new Reopen({At})";
}
