namespace Crdt;

/// <summary>Why a transaction cannot be made.</summary>
public enum MutationError
{
    /// <summary>The entity does not exist, or reads as deleted: only a create acts on it.</summary>
    NotFound,

    /// <summary>The entity exists already.</summary>
    AlreadyExists,

    /// <summary>A counter's own running total would leave 64 bits.</summary>
    CounterOverflow,

    /// <summary>A value takes more than 256 KiB, or a context more than 4 KiB.</summary>
    ValueTooLarge,

    /// <summary>The space's own data is written in the server role only.</summary>
    RoleRequired,

    /// <summary>The replica has not met its space yet: the genesis batch is missing.</summary>
    NotJoined,

    /// <summary>The conflict to be resolved is no more: somebody settled it.</summary>
    NoConflict,

    /// <summary>A name of the document, or of a value that would have to become paths, cannot be one.</summary>
    BadPath,

    /// <summary>A document gives a counter's value, and others have counted since the version that it is based on.</summary>
    CountedMeanwhile,

    /// <summary>More siblings would be replaced by one change than a batch can name (65,535).</summary>
    TooManySiblings,

    /// <summary>The space is keyed, and this replica is not enrolled in it with its key and role; or its enrolment has
    /// not arrived.</summary>
    NotEnrolled,

    /// <summary>The replica's own log was ended by a fence: it writes no more until it has a new id.</summary>
    Fenced,

    /// <summary>The replica's id was found to be in use elsewhere: it writes no more until it has a new one.</summary>
    IdInUse,

    /// <summary>The key was revoked: nothing is written with it any more under any id, and it is enrolled for none.</summary>
    KeyRevoked,
}
