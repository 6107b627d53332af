namespace Crdt;

/// <summary>A mutation and where it stands.</summary>
/// <param name="Mutation">The mutation.</param>
/// <param name="Status">Where it stands.</param>
/// <param name="SyncedAt">When the server role said it holds it; <see langword="null"/> while none is known to.</param>
/// <param name="HeldBy">How many other replicas are known to hold it durably, servers or not.</param>
public sealed record QueuedMutation(Mutation Mutation, MutationStatus Status, DateTimeOffset? SyncedAt, int HeldBy);
