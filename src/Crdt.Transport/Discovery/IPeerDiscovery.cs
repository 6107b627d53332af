namespace Crdt.Transport.Discovery;

/// <summary>Tells who might be reachable, and lets others know of this node. Safe for concurrent calls.</summary>
/// <remarks>Nothing that it tells is proved: it is a hint where to dial, and keys decide who is there. An adapter to another
/// mechanism implements these five members; how often what they tell leads to a dial is not its concern.</remarks>
public interface IPeerDiscovery : IAsyncDisposable
{
    /// <summary>Announces a node, in place of what was announced before.</summary>
    /// <param name="advertisement">What is told; the same again changes nothing.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="WireException"><see cref="WireError.AddressUnavailable"/>: this machine does not let anything be
    /// announced.</exception>
    ValueTask AdvertiseAsync(PeerAdvertisement advertisement, CancellationToken cancellationToken = default);

    /// <summary>Takes back what was announced, and says so; without an announcement nothing happens.</summary>
    ValueTask WithdrawAsync(CancellationToken cancellationToken = default);

    /// <summary>Who is there: at first those who are known already, then every change. Own announcements are not told.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="WireException"><see cref="WireError.AddressUnavailable"/>: this machine does not let anybody be
    /// heard.</exception>
    IAsyncEnumerable<PeerSighting> BrowseAsync(CancellationToken cancellationToken);

    /// <summary>A peer did not answer where it was said to be: asks again, and forgets it if nobody says so any more.</summary>
    /// <param name="instance">Its <see cref="DiscoveredPeer.Instance"/>; one that is not known is ignored.</param>
    void Reconfirm(string instance);

    /// <summary>Looks again, now rather than when it is due.</summary>
    void Refresh();
}
