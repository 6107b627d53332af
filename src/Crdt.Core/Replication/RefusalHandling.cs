namespace Crdt;

/// <summary>What became of a refused transaction.</summary>
public enum RefusalHandling
{
    /// <summary>Nobody has decided yet.</summary>
    Open,

    /// <summary>Sent again, perhaps changed.</summary>
    Resubmitted,

    /// <summary>Given to somebody else to decide.</summary>
    Reassigned,

    /// <summary>Given up.</summary>
    Discarded,
}
