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
}
