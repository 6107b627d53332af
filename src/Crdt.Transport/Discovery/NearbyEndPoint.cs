using System.Net;

namespace Crdt.Transport.Discovery;

/// <summary>Where somebody near can be dialled: several addresses, which change.</summary>
/// <param name="instance">Its name, the same wherever it goes.</param>
internal sealed class NearbyEndPoint(string instance) : EndPoint
{
    private volatile IPEndPoint[] candidates = [];

    public string Instance => instance;

    /// <summary>Where it is said to be now.</summary>
    public IReadOnlyList<IPEndPoint> Candidates => candidates;

    /// <summary>What it claims to be, by which a connection that is there already is recognised.</summary>
    public PeerBeacon? Beacon { get; private set; }

    public void Update(DiscoveredPeer peer, PeerBeacon? beacon)
    {
        Beacon = beacon;
        candidates = [.. peer.EndPoints];
    }

    /// <summary>Whether a connection leads to whom this is said to lead to.</summary>
    public bool LeadsTo(PeerConnection connection) => Beacon is { } beacon
        && (beacon.Key is null
            ? connection.PeerNodeId == beacon.NodeId
            : connection.PeerFingerprint is { } proved && PeerBeacon.KeyOf(proved) == beacon.Key);

    /// <summary>Its name; for logs, and the key of what the journal remembers.</summary>
    public override string ToString() => instance;
}
