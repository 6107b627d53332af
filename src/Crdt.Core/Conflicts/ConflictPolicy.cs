namespace Crdt;

/// <summary>Which of several concurrent values of a field a read returns. Every replica holds all of them whatever
/// the policy, so a policy can be changed later and nothing is lost (semantics 6).</summary>
public enum ConflictPolicy
{
    /// <summary>The latest by (timestamp, replica, sequence). The default.</summary>
    LastWriteWins,

    /// <summary>The earliest claim; correcting one's own entry keeps its place.</summary>
    FirstWriteWins,

    /// <summary>Objects are stored as their members, so edits of different members never conflict; a clash of one
    /// member is settled as <see cref="LastWriteWins"/>.</summary>
    Merge,

    /// <summary>Provisionally as <see cref="LastWriteWins"/>; a conflict until a person resolves it.</summary>
    Manual,

    /// <summary>What a server-role replica held when a concurrent write arrived there: it marks what arrives as lost.
    /// Until then, and where two servers disagreed, as <see cref="LastWriteWins"/>.</summary>
    ServerWins,

    /// <summary>What arrives at a server-role replica, which marks what it held as lost. Until then, and where two
    /// servers disagreed, as <see cref="LastWriteWins"/>.</summary>
    ClientWins,
}
