namespace Crdt;

/// <summary>What a peer did wrong in a session about one space. The session ends; state, log and other sessions stay
/// as they were.</summary>
public enum SyncError
{
    /// <summary>A message cannot be read.</summary>
    BadMessage,

    /// <summary>A message came that its sender may not send now.</summary>
    UnexpectedMessage,

    /// <summary>More bytes of batches came than had been granted.</summary>
    CreditExceeded,

    /// <summary>A batch is not one, or breaks a limit of the format.</summary>
    BadBatch,

    /// <summary>A run begins behind the next sequence of its author.</summary>
    Gap,

    /// <summary>A run is covered in part.</summary>
    PartlyCovered,

    /// <summary>Batches do not lead to the head that they were sent with.</summary>
    ChainBroken,

    /// <summary>A change names a sibling that has not arrived.</summary>
    UnknownObservedDot,

    /// <summary>The peer's space was founded differently.</summary>
    WrongSpace,

    /// <summary>Two different logs are in use under one replica id.</summary>
    Forked,

    /// <summary>The peer is this very replica, or a copy of it.</summary>
    SameReplica,

    /// <summary>A run is longer than allowed.</summary>
    LimitExceeded,

    /// <summary>A snapshot, or a chunk of one, is not what it says, or was made by somebody who may not make any.</summary>
    BadSnapshot,

    /// <summary>The space is keyed, and its authority has not certified the author of a run or the maker of a statement.</summary>
    NotEnrolled,

    /// <summary>An author's first mutation does not name its enrolment as observed.</summary>
    EnrolmentNotNamed,

    /// <summary>A batch is written in a role that its author is not enrolled in.</summary>
    WrongRole,

    /// <summary>A head or a statement is not signed by whom it names; or a head is signed in an open space.</summary>
    BadSignature,

    /// <summary>The space is signed under a scheme that this replica does not know.</summary>
    UnknownScheme,

    /// <summary>Nothing is wrong with the peer: this replica has begun its state anew because of a fence. A new session goes
    /// on from there.</summary>
    Rebuilt,

    /// <summary>A snapshot that is new here was made with a key that has been revoked.</summary>
    SnapshotRevoked,

    /// <summary>Nothing is wrong with the peer: a batch or a snapshot is in a format that a later build has written and this
    /// one does not read. It stays where it is, and comes once this build was updated.</summary>
    UnknownFormat,

    /// <summary>The peer says that it is a replica which is enrolled with another key than the one the peer has proved to
    /// hold.</summary>
    WrongPeer,
}
