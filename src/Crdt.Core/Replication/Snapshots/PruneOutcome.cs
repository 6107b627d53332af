namespace Crdt;

/// <summary>What came of <see cref="Replica.PruneAsync"/>.</summary>
public enum PruneOutcome
{
    /// <summary>The beginning of the log was dropped.</summary>
    Pruned,

    /// <summary>There is nothing before the newest snapshot that could go: it holds this replica's unsynced work, or was
    /// dropped before.</summary>
    NothingToDrop,

    /// <summary>No snapshot of a server-role replica is held, so the log is all there is.</summary>
    NoSnapshot,

    /// <summary>A snapshot is held, but of some other server it is not known that it holds all that is in it, too: until they
    /// have met, by whatever way, nothing is dropped that a fence of theirs might yet cut off.</summary>
    Awaited,

    /// <summary>The space keeps its log whole, as evidence (<see cref="HistoryRetention.Keep"/>).</summary>
    Kept,
}
