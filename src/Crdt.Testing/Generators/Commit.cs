namespace Crdt.Testing;

/// <summary>A transaction at one replica, after its wall clock was moved, perhaps back.</summary>
/// <param name="At">Number of the replica.</param>
/// <param name="ClockMs">How far its clock is moved first, in milliseconds.</param>
/// <param name="Edits">The edits of the transaction, in order.</param>
public sealed record Commit(int At, int ClockMs, params Edit[] Edits) : Step
{
    /// <summary>The code that makes it.</summary>
    public override string ToString() => $"new Commit({At}, {ClockMs}{string.Concat(Edits.Select(e => $", {e}"))})";
}
