namespace Crdt.Testing;

/// <summary>Runs handed over one way, without any session; from the very first, or only those that are news.</summary>
/// <param name="From">Number of the replica that gives.</param>
/// <param name="To">Number of the replica that takes.</param>
/// <param name="RunsMax">How many at most.</param>
/// <param name="Again">Whether all of them are delivered, also those that were before.</param>
public sealed record Deliver(int From, int To, int RunsMax, bool Again) : Step
{
    /// <summary>The code that makes it.</summary>
    public override string ToString() => $"new Deliver({From}, {To}, {RunsMax}, {(Again ? "true" : "false")})";
}
