namespace Crdt;

/// <summary>Why a run of somebody's batches cannot be applied. Every replica judges it alike (semantics 3.5).</summary>
public enum ApplyError
{
    /// <summary>The bytes are not a batch; the inner error says why.</summary>
    BadBatch,

    /// <summary>The run begins behind the next sequence of its author.</summary>
    Gap,

    /// <summary>The run is covered in part.</summary>
    PartlyCovered,

    /// <summary>The batches do not lead to the head that they were sent with, from the head that is held.</summary>
    ChainBroken,

    /// <summary>A change names a sibling that nobody here has seen: it came before its cause.</summary>
    UnknownObservedDot,

    /// <summary>The first run of all is not the founding of this space.</summary>
    WrongSpace,

    /// <summary>The run claims to be written by this replica itself, beyond what it wrote: its id is used twice.</summary>
    OwnLogForked,

    /// <summary>A run is longer than 1,000 batches or 1 MiB, or has none.</summary>
    LimitExceeded,

    /// <summary>The space is keyed, and its authority has not certified the author.</summary>
    NotEnrolled,

    /// <summary>The author's first mutation does not name its enrolment as observed.</summary>
    EnrolmentNotNamed,

    /// <summary>A batch is written in a role that its author is not enrolled in.</summary>
    WrongRole,

    /// <summary>The head is not signed with the key that its author is enrolled with; or it is signed in an open space.</summary>
    BadSignature,

    /// <summary>The space is signed under a scheme that this replica does not know.</summary>
    UnknownScheme,

    /// <summary>A snapshot is not what its manifest says, or its manifest does not hold together.</summary>
    BadSnapshot,

    /// <summary>The first chunks of a snapshot that is arriving went when the log's beginning was dropped: another session brings
    /// it anew.</summary>
    SnapshotDropped,

    /// <summary>A snapshot holds another log of a replica than the one that is held here.</summary>
    SnapshotForked,

    /// <summary>A snapshot was made by a replica that may not make any.</summary>
    SnapshotRole,

    /// <summary>A batch is in a format that a later build has written and this one does not read.</summary>
    UnknownFormat,

    /// <summary>A snapshot was made with a key that has been revoked.</summary>
    SnapshotRevoked,

    /// <summary>The run leads past its author's fence, on another branch than the one that counts.</summary>
    Fenced,

    /// <summary>The run's author signs with a key that has been revoked, under an id that no fence is known of yet.</summary>
    KeyRevoked,
}
