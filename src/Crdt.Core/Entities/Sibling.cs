namespace Crdt;

/// <summary>One live value of a register; more than one only where writes were concurrent.</summary>
/// <param name="Dot">The mutation that wrote it.</param>
/// <param name="Timestamp">When, by the author's hybrid clock.</param>
/// <param name="Claim">The time that counts under first-write-wins: the earliest of what it replaced, else its own.</param>
/// <param name="Role">The role in which it was written.</param>
/// <param name="Value">What was written; for a counter the author's running total, for the root true when alive.</param>
public readonly record struct Sibling(
    Dot Dot, HybridTimestamp Timestamp, HybridTimestamp Claim, ReplicaRole Role, Value Value)
{
    /// <summary>Whether a server passed it over: see <see cref="ConflictPolicy.ServerWins"/>.</summary>
    public bool IsLost { get; init; }

    /// <summary>Why a server refused it; <see langword="null"/> when none did. Readers take what it had replaced.</summary>
    public RefusalCode? Refused { get; init; }
}
