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

    /// <summary>The space keeps its log whole, as evidence (<see cref="HistoryRetention.Keep"/>).</summary>
    Kept,
}
