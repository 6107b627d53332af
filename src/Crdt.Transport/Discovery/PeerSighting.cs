namespace Crdt.Transport.Discovery;

/// <summary>A change in who is said to be reachable.</summary>
/// <param name="Peer">Who; when it is gone, as it was last.</param>
/// <param name="IsGone">Whether it is not there any more, rather than new or changed.</param>
public sealed record PeerSighting(DiscoveredPeer Peer, bool IsGone = false);
