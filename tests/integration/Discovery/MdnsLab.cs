using System.Net;
using Crdt.Transport.Discovery;
using Crdt.Transport.Discovery.Mdns;

namespace Crdt.Integration.Discovery;

/// <summary>Hosts on networks that exist in memory and in virtual time: every packet reaches everybody on its network, its
/// sender too, as multicast does.</summary>
internal sealed class MdnsLab
{
    public static readonly DnsName ServiceType = DnsName.Of("_crdt-sync", "_tcp", "local");

    private static readonly TimeSpan Latency = TimeSpan.FromMilliseconds(1);

    private readonly PriorityQueue<Action, (TimeSpan At, long Order)> agenda = new();
    private readonly List<Host> hosts = [];
    private readonly Random seeds = new(7);
    private long order;

    public TimeSpan Now { get; private set; }

    /// <summary>All that was sent to everybody, with its sender.</summary>
    public List<(TimeSpan At, Host From, int Link, DnsMessage Message)> Sent { get; } = [];

    /// <summary>What was sent to one alone.</summary>
    public List<(IPEndPoint To, DnsMessage Message)> Unicast { get; } = [];

    /// <summary>A host on network 1, which has this address there.</summary>
    public Host AddHost(string address, params (int Link, string Address)[] others)
    {
        var host = new Host(this, new Random(seeds.Next()), hosts.Count + 1);
        hosts.Add(host);
        host.SetLinks([(1, address), .. others]);
        return host;
    }

    public void Run(double seconds)
    {
        TimeSpan end = Now + TimeSpan.FromSeconds(seconds);
        while (true)
        {
            TimeSpan? timer = hosts.Where(h => h.IsAlive).Min(h => h.Core.NextDue);
            TimeSpan? packet = agenda.TryPeek(out _, out (TimeSpan At, long) first) ? first.At : null;
            if ((timer ?? end) >= end && (packet ?? end) >= end)
                break;
            if (packet is { } arrives && arrives <= (timer ?? TimeSpan.MaxValue))
            {
                Now = arrives > Now ? arrives : Now;
                agenda.Dequeue()();
                continue;
            }
            Now = timer!.Value > Now ? timer.Value : Now;
            Host due = hosts.First(h => h.IsAlive && h.Core.NextDue <= Now);
            due.Core.OnTimer(Now);
            due.Flush();
            Assert.True(due.Core.NextDue is null || due.Core.NextDue > Now, "A timer that is due for ever.");
        }
        Now = end;
    }

    /// <summary>Somebody who is no host of ours sends something.</summary>
    public void Inject(byte[] packet, string source = "10.0.0.99", int port = MdnsCore.Port, int link = 1)
    {
        var from = new IPEndPoint(IPAddress.Parse(source), port);
        foreach (Host host in hosts.Where(h => h.IsAlive))
        {
            host.Core.OnPacket(link, from, packet, Now);
            host.Flush();
        }
    }

    private void Send(Host from, OutgoingPacket packet)
    {
        Assert.InRange(packet.Bytes.Length, 12, DnsWriter.LengthBytesMax);
        DnsMessage message = DnsReader.TryRead(packet.Bytes) ?? throw new InvalidOperationException("It sent what it would not read.");
        if (packet.To is { } to)
        {
            Unicast.Add((to, message));
            return;
        }
        Sent.Add((Now, from, packet.Link, message));
        var source = new IPEndPoint(from.Links[packet.Link], MdnsCore.Port);
        foreach (Host host in hosts)
        {
            agenda.Enqueue(() =>
            {
                if (!host.IsAlive || !host.Links.ContainsKey(packet.Link)) return;
                host.Core.OnPacket(packet.Link, source, packet.Bytes, Now);
                host.Flush();
            }, (Now + Latency, order++));
        }
    }

    internal sealed class Host(MdnsLab lab, Random random, int number)
    {
        public MdnsCore Core { get; } = new(ServiceType, DnsName.Of($"host{number}", "local"), random);

        public Dictionary<int, IPAddress> Links { get; } = [];

        /// <summary>What it was told, the last of each instance.</summary>
        public Dictionary<string, DiscoveredPeer> Seen { get; } = [];

        public List<PeerSighting> Told { get; } = [];

        /// <summary>Without a word, it is gone.</summary>
        public bool IsAlive { get; set; } = true;

        public void SetLinks(params (int Link, string Address)[] links)
        {
            Links.Clear();
            foreach ((int link, string address) in links)
                Links[link] = IPAddress.Parse(address);
            Core.SetLinks([.. Links.Select(l => new LinkAddresses(l.Key, false, [(l.Value, 24)]))], lab.Now);
            Flush();
        }

        public Host Advertise(string name, int port = 7000, string note = "x")
        {
            Core.Advertise(new PeerAdvertisement(
                name, new IPEndPoint(IPAddress.Any, port), new Dictionary<string, string> { ["note"] = note }), lab.Now);
            Flush();
            return this;
        }

        public Host Browse()
        {
            Core.Browse(lab.Now);
            Flush();
            return this;
        }

        public void Withdraw()
        {
            Core.Withdraw();
            Flush();
        }

        public void Reconfirm(string instance)
        {
            Core.Reconfirm(instance, lab.Now);
            Flush();
        }

        public void Flush()
        {
            while (Core.Outgoing.TryDequeue(out OutgoingPacket? packet))
                lab.Send(this, packet);
            while (Core.Sightings.TryDequeue(out PeerSighting? sighting))
            {
                Told.Add(sighting);
                if (sighting.IsGone) Seen.Remove(sighting.Peer.Instance);
                else Seen[sighting.Peer.Instance] = sighting.Peer;
            }
        }
    }
}
