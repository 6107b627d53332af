namespace Crdt;

/// <summary>Why a mutation, an entity or a device stands where it stands.</summary>
public enum ExplanationCode
{
    /// <summary>A server holds it: nothing is left to be done.</summary>
    Synced,

    /// <summary>Nothing of that name is held here.</summary>
    NotHere,

    /// <summary>No replica in the server role has been heard of: there is nobody who could make it synced.</summary>
    NoServerKnown,

    /// <summary>A server is known, and has not said yet that it holds it.</summary>
    NotYetMet,

    /// <summary>The attempts to reach a peer fail for a reason that may pass.</summary>
    PeerUnreachable,

    /// <summary>A peer does not accept this device, or this device the peer.</summary>
    Unauthorised,

    /// <summary>Settings forbid the connection.</summary>
    Forbidden,

    /// <summary>A peer cannot be talked with until one of the two is changed.</summary>
    Incompatible,

    /// <summary>This device must not write in the space, or not yet.</summary>
    NotEnrolled,

    /// <summary>The device's id is in use twice.</summary>
    IdInUseTwice,

    /// <summary>It lies behind a fence: it counts nowhere, and is kept.</summary>
    SetAside,

    /// <summary>A server refused it.</summary>
    Refused,

    /// <summary>It is in a conflict that waits for a person.</summary>
    InConflict,

    /// <summary>The device's clock is far from this one's: what it writes is ordered by it.</summary>
    ClockSkewed,

    /// <summary>The device holds the same mutations and another state.</summary>
    Diverged,

    /// <summary>It was written, and is neither held nor replaced by anybody who had seen it: a defect.</summary>
    Unaccounted,
}
