namespace Crdt.Store;

/// <summary>What went wrong in a store, as a caller can act on it.</summary>
public enum StoreError
{
    /// <summary>No error; never carried by an exception.</summary>
    None = 0,

    /// <summary>Another process, or another instance in this one, has the replica open.</summary>
    InUse,

    /// <summary>The directory holds no replica.</summary>
    NotFound,

    /// <summary>The directory already holds a replica.</summary>
    AlreadyExists,

    /// <summary>The files were written by a newer version of this library.</summary>
    UnsupportedFormat,

    /// <summary>The log is damaged where it had been durable: bytes changed, or a segment is missing.
    /// What is lost can be fetched again from a peer.</summary>
    LogDamaged,

    /// <summary>The projection (LiteDB) is damaged. It is rebuilt from the log.</summary>
    ProjectionDamaged,

    /// <summary>There is no room left on the disk. Nothing was acknowledged; appending works again when there is
    /// room.</summary>
    DiskFull,

    /// <summary>The operating system could not write or flush. Nothing was acknowledged.</summary>
    WriteFailed,

    /// <summary>The operating system could not read.</summary>
    ReadFailed,

    /// <summary>An entry accepted without waiting for durability was lost by a failed flush, so memory and log may
    /// differ: the store refuses further appends until it is opened again.</summary>
    Faulted,

    /// <summary>The store was closed.</summary>
    Closed,

    /// <summary>The replica is encrypted, and no key was given. Nothing was touched.</summary>
    KeyRequired,

    /// <summary>The key or passphrase is not this replica's. Nothing was touched.</summary>
    WrongKey,

    /// <summary>A key was given, and the replica is not encrypted. Nothing was touched.</summary>
    NotEncrypted,

    /// <summary>The file that holds the replica's data key is missing or damaged. Nothing was touched; nothing can be read
    /// until it is brought back from a backup.</summary>
    KeyDamaged,

    /// <summary>A private key's file may be read by others than its owner. Nothing was touched.</summary>
    KeyExposed,
}
