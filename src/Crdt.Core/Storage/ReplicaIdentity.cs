namespace Crdt;

/// <summary>Who a stored replica is. Space and role never change; its writer identity does when the id turned out to
/// be in use twice, or was fenced.</summary>
/// <param name="Space">The space it is a copy of.</param>
/// <param name="Replica">Its writer identity.</param>
/// <param name="Role">The role of the batches that it writes.</param>
public sealed record ReplicaIdentity(SpaceId Space, ReplicaId Replica, ReplicaRole Role);
