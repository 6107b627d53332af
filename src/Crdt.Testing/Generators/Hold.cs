namespace Crdt.Testing;

/// <summary>Opens a view, or compares one that is open with what it showed at first and closes it.</summary>
/// <param name="At">Number of the replica.</param>
public sealed record Hold(int At) : Step
{
    /// <summary>The code that makes it.</summary>
    public override string ToString() => $"new Hold({At})";
}
