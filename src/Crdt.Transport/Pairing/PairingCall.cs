using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Crdt.Transport.Discovery;

namespace Crdt.Transport.Pairing;

/// <summary>How a device that offers to be paired by six digits is found without its address: while it waits, it says around that
/// somebody does.</summary>
/// <remarks>Anybody around can say so, too, and nothing of it is proved: it tells where to dial, and the people who compare the
/// digits tell whether that was the right one. Nothing is told that lasts: the name is another one each time.</remarks>
public static class PairingCall
{
    /// <summary>What it is announced and looked for as, beside the service of those who replicate (<see cref="MdnsOptions.ServiceType"/>).</summary>
    public const string ServiceType = "_crdt-pair._tcp";

    // One is meant; more have to be told apart by a person, and a flood of them is nobody's.
    private const int CallersMax = 16;
    private const string VersionName = "v", Version = "1";

    /// <summary>What the inviting device announces.</summary>
    /// <param name="listening">Where it listens for the new one.</param>
    public static PeerAdvertisement Of(IPEndPoint listening)
    {
        ArgumentNullException.ThrowIfNull(listening);
        string name = RandomNumberGenerator.GetInt32(int.MaxValue).ToString("x8", CultureInfo.InvariantCulture);
        return new PeerAdvertisement(name, listening, new Dictionary<string, string> { [VersionName] = Version });
    }

    /// <summary>Who offers that around here.</summary>
    /// <param name="discovery">Looks for <see cref="ServiceType"/>; the caller keeps it.</param>
    /// <param name="patience">How long to wait for the first.</param>
    /// <param name="more">How long to wait for others behind it.</param>
    /// <param name="time">Clock and timers; the system's by default.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>For <see cref="PairingApplicant"/>, in order of their names, each with the addresses where it is; empty when nobody
    /// was found.</returns>
    /// <exception cref="WireException"><see cref="WireError.AddressUnavailable"/>: this machine does not let anybody be heard.</exception>
    public static async Task<IReadOnlyList<(EndPoint EndPoint, IReadOnlyList<IPEndPoint> Addresses)>> FindAsync(
        IPeerDiscovery discovery, TimeSpan patience, TimeSpan more, TimeProvider? time = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(discovery);
        var found = new SortedDictionary<string, NearbyEndPoint>(StringComparer.Ordinal);
        using var deadline = new CancellationTokenSource(patience, time ?? TimeProvider.System);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            await foreach (PeerSighting sighting in discovery.BrowseAsync(stop.Token).ConfigureAwait(false))
            {
                if (Take(found, sighting) && found.Count == 1)
                    deadline.CancelAfter(more);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Long enough.
        }
        return [.. found.Values.Select(static caller => ((EndPoint)caller, caller.Candidates))];
    }

    private static bool Take(SortedDictionary<string, NearbyEndPoint> found, PeerSighting sighting)
    {
        DiscoveredPeer peer = sighting.Peer;
        if (sighting.IsGone)
        {
            found.Remove(peer.Instance);
            return false;
        }
        bool isKnown = found.TryGetValue(peer.Instance, out NearbyEndPoint? caller);
        if (!isKnown)
        {
            if (found.Count >= CallersMax || peer.Properties.GetValueOrDefault(VersionName) != Version)
                return false;
            found[peer.Instance] = caller = new NearbyEndPoint(peer.Instance);
        }
        caller!.Update(peer, beacon: null);
        return !isKnown;
    }
}
