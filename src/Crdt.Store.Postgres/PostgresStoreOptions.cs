namespace Crdt.Store.Postgres;

/// <summary>How a replica in PostgreSQL is opened.</summary>
public sealed record PostgresStoreOptions
{
    /// <summary>The defaults.</summary>
    public static PostgresStoreOptions Default { get; } = new();

    /// <summary>How long a process that has died keeps others from opening its replica. Renewed three times within it.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Who opens it: the same holder takes over at once what it held before, without waiting for the lease. To be
    /// given only where something else makes sure that the process before is gone, as a locked file does on one machine.</summary>
    public Guid? Holder { get; init; }

    /// <summary>How long a database that does not answer is waited for, before a call fails.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Where this process keeps the content of blobs: a <see cref="FileBlobStore"/> as a rule, never one that forgets. The
    /// database does not hold it. It belongs to the opened store from then on, and is closed with it, or by the caller where opening fails.
    /// Without it the replica holds no content: what would bring some is refused (<see cref="BlobError.QuotaExceeded"/>).</summary>
    public IBlobStore? Blobs { get; init; }
}
