namespace Crdt;

/// <summary>What one device has written, and how far it has come, as this replica knows it.</summary>
/// <param name="Replica">The device.</param>
/// <param name="Role">Its role; <see langword="null"/> while that was not told.</param>
/// <param name="Mutations">How many of its mutations are counted here.</param>
/// <param name="Pending">Of these, how many no server is known to hold.</param>
/// <param name="Synced">How many one is known to hold, and nothing else is to be said about.</param>
/// <param name="Conflict">How many are in a conflict that waits for a person.</param>
/// <param name="Failed">How many were refused.</param>
/// <param name="OldestPending">When the oldest of the pending ones was made, by its clock; <see langword="null"/> when none is
/// pending, or it is not in the log any more.</param>
/// <param name="LastStatement">What the device last said that it holds, and when; <see langword="null"/> when it was never heard
/// of.</param>
public sealed record DeviceQueue(
    ReplicaId Replica, ReplicaRole? Role, long Mutations, long Pending, long Synced, long Conflict, long Failed,
    DateTimeOffset? OldestPending, Acknowledgement? LastStatement);
