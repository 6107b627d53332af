using System.Net;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>Multicast DNS (RFC 6762) and service discovery on it (RFC 6763), as far as peers need it, without sockets and
/// clock: packets, times and networks in, packets and sightings out. One call at a time.</summary>
/// <param name="type">The service.</param>
/// <param name="host">The machine's name, unique: nobody probes for it.</param>
/// <param name="random">For delays.</param>
internal sealed class MdnsCore(DnsName type, DnsName host, Random random)
{
    public const int Port = 5353;

    private readonly Dictionary<int, Network> networks = [];
    private readonly Dictionary<DnsName, Told> told = [];
    private readonly Queue<TimeSpan> conflicts = [];
    private readonly SourceLimits limits = new();
    private MdnsService? service;
    private bool isBrowsing;

    /// <summary>What is to be sent, in this order.</summary>
    public Queue<OutgoingPacket> Outgoing { get; } = [];

    /// <summary>What is to be told.</summary>
    public Queue<PeerSighting> Sightings { get; } = [];

    /// <summary>When <see cref="OnTimer"/> is due.</summary>
    public TimeSpan? NextDue
    {
        get
        {
            TimeSpan? due = null;
            void At(TimeSpan? time) => due = due is null || time < due ? time ?? due : due;
            foreach (Network network in networks.Values)
            {
                At(network.Responder.NextDue);
                At(network.Browser?.NextDue);
            }
            foreach (Told peer in told.Values)
                At(peer.Due);
            return due;
        }
    }

    /// <summary>The name that is announced, or probed for.</summary>
    public DnsName? OwnName => service?.Name;

    /// <summary>Whether the name is announced on all networks where there is something to announce.</summary>
    public bool IsAnnounced => networks.Values.Any(n => n.Responder.IsAnnounced)
        && networks.Values.All(n => n.Responder.NextDue is null || n.Responder.IsAnnounced);

    /// <summary>Those who have been told and not taken back.</summary>
    public IEnumerable<DiscoveredPeer> Peers => told.Values.Select(t => t.Last).OfType<DiscoveredPeer>();

    /// <summary>Records that are remembered.</summary>
    public int CachedCount => networks.Values.Sum(n => n.Browser?.Count ?? 0);

    /// <summary>The networks that there are now.</summary>
    public void SetLinks(IReadOnlyList<LinkAddresses> links, TimeSpan now)
    {
        foreach (Network gone in networks.Values.Where(n => !links.Any(l => l.Index == n.Link.Index)).ToArray())
        {
            networks.Remove(gone.Link.Index);
            gone.Responder.Drop();
            foreach (DnsName instance in gone.Browser?.Instances ?? [])
                Touch(instance, now);
        }
        foreach (LinkAddresses link in links)
        {
            if (!networks.TryGetValue(link.Index, out Network? network))
            {
                networks[link.Index] = network = new Network(link, new Responder(link.Index, random, Outgoing.Enqueue));
                if (service is not null)
                    network.Responder.Probe(service.Name, service.RecordsOn(link), now);
                if (isBrowsing)
                    BeginBrowsing(network, now);
            }
            else if (!network.Link.Equals(link))
            {
                network.Link = link;
                if (service is not null)
                    network.Responder.Update(service.RecordsOn(link), now);
                if (network.Browser is { } browser)
                {
                    browser.Link = link;
                    browser.Begin(now);
                }
            }
        }
        Tell(now);
    }

    /// <summary>Announces a service, in place of the one before.</summary>
    /// <exception cref="ArgumentException">Its name or its properties cannot be announced.</exception>
    public void Advertise(PeerAdvertisement advertisement, TimeSpan now)
    {
        bool isSameName = service?.Advertisement.Instance == advertisement.Instance;
        MdnsService wanted = isSameName ? service!.With(advertisement) : new MdnsService(advertisement, type, host);
        _ = DnsRecord.Txt(wanted.Name, advertisement.Properties); // refused before anything changes
        if (!isSameName)
            Withdraw();
        service = wanted;
        foreach (Network network in networks.Values)
        {
            IReadOnlyList<DnsRecord> records = service.RecordsOn(network.Link);
            if (isSameName)
                network.Responder.Update(records, now);
            else
                network.Responder.Probe(service.Name, records, now);
        }
    }

    public void Withdraw()
    {
        service = null;
        foreach (Network network in networks.Values)
            network.Responder.Withdraw();
    }

    /// <summary>Looks for others, from now on.</summary>
    public void Browse(TimeSpan now)
    {
        isBrowsing = true;
        foreach (Network network in networks.Values.Where(n => n.Browser is null))
            BeginBrowsing(network, now);
    }

    public void Refresh(TimeSpan now)
    {
        foreach (Network network in networks.Values)
            network.Browser?.Begin(now);
    }

    public void Reconfirm(string instance, TimeSpan now)
    {
        foreach (DnsName name in told.Keys.Where(name => name.FirstLabel == instance).ToArray())
        {
            foreach (Network network in networks.Values)
                network.Browser?.Doubt(name, now);
        }
    }

    /// <summary>A packet came.</summary>
    public void OnPacket(int link, IPEndPoint source, ReadOnlySpan<byte> packet, TimeSpan now)
    {
        // Who is not on this very network has no business here (RFC 6762, 11).
        if (!networks.TryGetValue(link, out Network? network) || !network.Link.IsOnLink(source.Address)
            || !limits.TryTake(source.Address, now) || DnsReader.TryRead(packet) is not { } message)
            return;
        if (!message.IsResponse)
            network.Responder.OnQuery(message, source, isLegacy: source.Port != Port, now);
        else if (source.Port == Port)
        {
            if (network.Responder.IsInConflict(message, now))
                Concede(network, now);
            network.Browser?.OnResponse(message, source.Address, now);
        }
        OnTimer(now);
    }

    /// <summary>Time has passed.</summary>
    public void OnTimer(TimeSpan now)
    {
        foreach (Network network in networks.Values)
        {
            if (network.Responder.NextDue <= now)
                network.Responder.OnTimer(now);
            if (network.Browser?.NextDue <= now)
                network.Browser.OnTimer(now);
        }
        Tell(now);
    }

    // Another has the name. While we only wanted it, we take a further one; where we had it, too, we want it again, and the
    // tie is broken as for any other (RFC 6762, 9).
    private void Concede(Network where, TimeSpan now)
    {
        while (conflicts.TryPeek(out TimeSpan first) && first + MdnsTimes.ConflictWindow < now)
            conflicts.Dequeue();
        conflicts.Enqueue(now);
        TimeSpan at = conflicts.Count >= MdnsTimes.ConflictsMax ? now + MdnsTimes.ConflictPause : now;
        if (where.Responder.IsAnnounced)
        {
            where.Responder.Probe(service!.Name, service.RecordsOn(where.Link), at);
            return;
        }
        foreach (Network network in networks.Values)
            network.Responder.Withdraw();
        service = service!.Renamed();
        foreach (Network network in networks.Values)
            network.Responder.Probe(service.Name, service.RecordsOn(network.Link), at);
        Refresh(now);
    }

    private void BeginBrowsing(Network network, TimeSpan now)
    {
        Responder responder = network.Responder;
        network.Browser = new Browser(
            network.Link, type, random, responder.IsOwn, () => responder.Pointer, Outgoing.Enqueue);
        network.Browser.Begin(now);
    }

    private void Touch(DnsName instance, TimeSpan now)
    {
        if (!told.TryGetValue(instance, out Told? peer))
            told[instance] = peer = new Told();
        peer.Due ??= peer.At is { } last && last + MdnsTimes.Telling > now ? last + MdnsTimes.Telling : now;
    }

    private void Tell(TimeSpan now)
    {
        foreach (Network network in networks.Values)
        {
            if (network.Browser is not { Changed.Count: > 0 } browser)
                continue;
            foreach (DnsName instance in browser.Changed)
                Touch(instance, now);
            browser.Changed.Clear();
        }
        foreach ((DnsName instance, Told peer) in told.Where(t => t.Value.Due <= now).ToArray())
        {
            peer.Due = null;
            DiscoveredPeer? found = Locate(instance);
            if (found is not null ? !found.Equals(peer.Last) : peer.Last is not null)
            {
                Sightings.Enqueue(found is not null ? new PeerSighting(found) : new PeerSighting(peer.Last!, IsGone: true));
                peer.At = now;
            }
            peer.Last = found;
            if (found is null && (peer.At is null || peer.At + MdnsTimes.Telling <= now))
                told.Remove(instance);
            else if (found is null)
                peer.Due = peer.At + MdnsTimes.Telling; // remembered, so that whoever flutters is not told of each time
        }
    }

    private DiscoveredPeer? Locate(DnsName instance)
    {
        var places = new List<IPEndPoint>();
        IReadOnlyDictionary<string, string>? properties = null;
        foreach (Network network in networks.Values.OrderBy(n => n.Link.Index))
        {
            if (network.Browser?.Locate(instance) is not { } here)
                continue;
            places.AddRange(here.EndPoints);
            properties ??= here.Properties;
        }
        return properties is null ? null : new DiscoveredPeer(
            instance.FirstLabel, [.. places.Distinct().OrderBy(Rank).ThenBy(p => p.ToString(), StringComparer.Ordinal)], properties);
    }

    // Within this machine first; an address that needs no interface named before one that does.
    private static int Rank(IPEndPoint place) => IPAddress.IsLoopback(place.Address) ? 0
        : place.Address.IsIPv6LinkLocal ? 3
        : place.Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 1 : 2;

    private sealed class Network(LinkAddresses link, Responder responder)
    {
        public LinkAddresses Link { get; set; } = link;

        public Responder Responder { get; } = responder;

        public Browser? Browser { get; set; }
    }

    private sealed class Told
    {
        public DiscoveredPeer? Last { get; set; }

        public TimeSpan? At { get; set; }

        public TimeSpan? Due { get; set; }
    }
}
