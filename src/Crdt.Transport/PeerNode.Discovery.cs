using System.Net;
using Crdt.Transport.Discovery;

namespace Crdt.Transport;

/// <content>Finding peers.</content>
public sealed partial class PeerNode
{
    private NearbyPeers? nearby;
    private IPEndPoint? announced;

    /// <summary>Those who are said to be near, those that are known and those that are not; empty without <see cref="Discover"/>.
    /// </summary>
    public IReadOnlyList<NearbyPeer> Nearby => nearby?.Peers ?? [];

    /// <summary>Announces this node where it listens, and stays connected with everybody who is found and known: devices that
    /// are enrolled in a common space; in open spaces, within this machine, whoever has one. Once.</summary>
    /// <param name="discovery">Stays the caller's, who disposes it after the node.</param>
    /// <param name="isDialling">Whether to dial; else <see cref="Nearby"/> tells who is there, and nothing more.</param>
    /// <exception cref="InvalidOperationException">It does so already.</exception>
    public void Discover(IPeerDiscovery discovery, bool isDialling = true)
    {
        ArgumentNullException.ThrowIfNull(discovery);
        var peers = new NearbyPeers(this, discovery, isDialling);
        IPEndPoint? listens;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (nearby is not null)
                throw new InvalidOperationException("The node discovers its peers already.");
            nearby = peers;
            listens = announced;
        }
        if (listens is not null)
            peers.Listens(listens);
        peers.Start();
    }

    /// <summary>Waits until somebody is near.</summary>
    /// <param name="match">Whom to wait for.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The first in order of names who matches.</returns>
    /// <exception cref="InvalidOperationException"><see cref="Discover"/> was not called.</exception>
    public async Task<NearbyPeer> WaitForNearbyAsync(Func<NearbyPeer, bool> match, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(match);
        NearbyPeers peers = nearby ?? throw new InvalidOperationException("The node does not discover anybody.");
        while (true)
        {
            Task changed = peers.Changed;
            if (peers.Peers.FirstOrDefault(match) is { } found)
                return found;
            ObjectDisposedException.ThrowIf(disposed, this);
            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void Announce(EndPoint bound)
    {
        if (bound is not IPEndPoint address)
            return;
        lock (gate)
            announced = address;
        nearby?.Listens(address);
    }

    private PeerConnection? FindConnected(NearbyEndPoint? wanted)
    {
        if (wanted is null)
            return null;
        lock (gate)
            return admitted.Find(wanted.LeadsTo);
    }
}
