namespace Crdt;

/// <summary>A replica in numbers.</summary>
/// <param name="Entities">Entities that are alive, without the space's own data.</param>
/// <param name="Mutations">Mutations applied, of all authors.</param>
/// <param name="Pending">Of those, how many no server-role replica is known to hold.</param>
/// <param name="Synced">How many one is known to hold, and no open conflict is about.</param>
/// <param name="Conflict">How many are synced and in a conflict that waits for a person.</param>
/// <param name="Failed">How many were refused.</param>
/// <param name="OwnPending">Of the replica's own, how many are pending: what would be lost with the device.</param>
/// <param name="Vector">For every replica, the highest sequence applied.</param>
/// <param name="Digest">Digest of the state.</param>
public sealed record ReplicaStatus(
    long Entities, long Mutations, long Pending, long Synced, long Conflict, long Failed, long OwnPending,
    VersionVector Vector, StateDigest Digest);
