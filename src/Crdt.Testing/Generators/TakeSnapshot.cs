namespace Crdt.Testing;

/// <summary>A server-role replica makes a snapshot.</summary>
/// <param name="Server">Which of them, counted from the last.</param>
public sealed record TakeSnapshot(int Server) : Step
{
    /// <summary>The code that makes it.</summary>
    public override string ToString() => $"new TakeSnapshot({Server})";
}
