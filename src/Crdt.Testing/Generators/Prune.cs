namespace Crdt.Testing;

/// <summary>A replica drops the beginning of its log, as far as a snapshot stands for it.</summary>
/// <param name="At">Number of the replica.</param>
public sealed record Prune(int At) : Step
{
    /// <summary>The code that makes it.</summary>
    public override string ToString() => $"new Prune({At})";
}
