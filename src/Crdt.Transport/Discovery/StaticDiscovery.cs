using System.Net;
using System.Runtime.CompilerServices;

namespace Crdt.Transport.Discovery;

/// <summary>Peers at addresses that a person has configured: always there, always worth a dial.</summary>
/// <param name="peers">The addresses of each.</param>
public sealed class StaticDiscovery(IEnumerable<IReadOnlyList<IPEndPoint>> peers) : IPeerDiscovery
{
    private static readonly Dictionary<string, string> Nothing = [];

    private readonly DiscoveredPeer[] known =
    [
        .. peers.Where(addresses => addresses.Count > 0)
            .Select(addresses => new DiscoveredPeer(addresses[0].ToString(), addresses, Nothing) { IsConfigured = true }),
    ];

    /// <inheritdoc/>
    public ValueTask AdvertiseAsync(PeerAdvertisement advertisement, CancellationToken cancellationToken = default) =>
        ValueTask.CompletedTask;

    /// <inheritdoc/>
    public ValueTask WithdrawAsync(CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async IAsyncEnumerable<PeerSighting> BrowseAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (DiscoveredPeer peer in known)
            yield return new PeerSighting(peer);
        await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Reconfirm(string instance)
    {
        // Who has configured it says so still.
    }

    /// <inheritdoc/>
    public void Refresh()
    {
        // There is nothing to look for.
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
