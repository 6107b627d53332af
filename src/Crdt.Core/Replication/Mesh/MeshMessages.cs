namespace Crdt;

/// <summary>Where the sender stands in the tree.</summary>
/// <param name="Place">Its place.</param>
/// <param name="IsParent">Whether it stands there through the receiver.</param>
/// <param name="IsGraft">Whether it asks for runs though neither stands there through the other.</param>
internal sealed record TreeMessage(MeshPlace Place, bool IsParent, bool IsGraft) : SyncMessage;

/// <summary>What the sender has come to hold durably since it told last, otherwise than through the receiver.</summary>
internal sealed record HoldsMessage(DateTimeOffset Time, VersionVector Held) : SyncMessage;
