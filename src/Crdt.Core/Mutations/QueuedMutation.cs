namespace Crdt;

/// <summary>A mutation and where it stands.</summary>
/// <param name="Mutation">The mutation.</param>
/// <param name="Status">Where it stands.</param>
/// <param name="SyncedAt">When the server role said it holds it; <see langword="null"/> while none is known to.</param>
/// <param name="HeldBy">How many other replicas are known to hold it durably, servers or not.</param>
public sealed record QueuedMutation(Mutation Mutation, MutationStatus Status, DateTimeOffset? SyncedAt, int HeldBy)
{
    /// <summary>While it is pending: attempts to reach a peer that failed since it was made, as far as a journal is kept
    /// (<see cref="ReplicaOptions.Journal"/>).</summary>
    public int Attempts { get; init; }

    /// <summary>While it is pending: why the last of these failed.</summary>
    public SyncFailure? LastError { get; init; }

    /// <summary>While it is pending: when a peer is tried again; <see langword="null"/> when nobody tries by itself.</summary>
    public DateTimeOffset? NextAttempt { get; init; }
}
