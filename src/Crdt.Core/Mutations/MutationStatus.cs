namespace Crdt;

/// <summary>Where a mutation stands. Derived from what is held and known, never stored (semantics 8).</summary>
public enum MutationStatus
{
    /// <summary>No server-role replica is known to hold it durably.</summary>
    Pending,

    /// <summary>One is.</summary>
    Synced,

    /// <summary>Synced, and a value it wrote is in a conflict that waits for a person.</summary>
    Conflict,

    /// <summary>Refused by a server-role replica.</summary>
    Failed,
}
