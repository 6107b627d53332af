using System.Net;
using System.Net.NetworkInformation;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Threading.Channels;
using Crdt.Transport.Discovery.Mdns;

namespace Crdt.Transport.Discovery;

/// <summary>Finds peers on the networks that this machine is on, and within it, by multicast DNS (RFC 6762) and DNS service
/// discovery (RFC 6763). Safe for concurrent calls.</summary>
/// <remarks>It shares its port with the system's own responder, follows interfaces as they come and go, and opens nothing before
/// the first call. Whoever is on the same network can read what is announced and announce what it likes; hostile packets cost
/// little and change nothing else.</remarks>
public sealed class MdnsDiscovery : IPeerDiscovery
{
    // No event tells of every change on every system.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();
    private readonly MdnsOptions options;
    private readonly TimeProvider time;
    private readonly long started;
    private readonly MdnsCore core;
    private readonly List<Channel<PeerSighting>> listeners = [];
    private readonly CancellationTokenSource lifetime = new();
    private MulticastSockets? sockets;
    private ITimer? due, look;
    private Task receiving = Task.CompletedTask;
    private bool disposed;

    /// <summary>Creates it; nothing is opened yet.</summary>
    /// <param name="options">Its settings; the defaults are meant for the field.</param>
    /// <exception cref="ArgumentException">The service type is not <c>_name._tcp</c>.</exception>
    public MdnsDiscovery(MdnsOptions? options = null)
    {
        this.options = options ?? new MdnsOptions();
        time = this.options.TimeProvider;
        started = time.GetTimestamp();
        if (this.options.ServiceType.Split('.') is not [['_', _, ..] name, "_tcp"])
            throw new ArgumentException($"'{this.options.ServiceType}' is no service type, as in _crdt-sync._tcp.", nameof(options));
        // Another one each time: a name for this machine that nobody else has, and that tells nothing of it.
        string host = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        core = new MdnsCore(DnsName.Of(name, "_tcp", "local"), DnsName.Of(host, "local"), Random.Shared);
    }

    /// <inheritdoc/>
    public ValueTask AdvertiseAsync(PeerAdvertisement advertisement, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(advertisement);
        cancellationToken.ThrowIfCancellationRequested();
        Do(now => core.Advertise(advertisement, now), opens: true);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask WithdrawAsync(CancellationToken cancellationToken = default)
    {
        Do(_ => core.Withdraw());
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<PeerSighting> BrowseAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // What is told is bounded at its source: one peer at most once a second.
        var channel = Channel.CreateUnbounded<PeerSighting>(new UnboundedChannelOptions { SingleReader = true });
        Do(now =>
        {
            foreach (DiscoveredPeer peer in core.Peers)
                channel.Writer.TryWrite(new PeerSighting(peer));
            listeners.Add(channel);
            core.Browse(now);
        }, opens: true);
        try
        {
            await foreach (PeerSighting sighting in channel.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
                yield return sighting;
        }
        finally
        {
            lock (gate)
                listeners.Remove(channel);
        }
    }

    /// <inheritdoc/>
    public void Reconfirm(string instance) => Do(now => core.Reconfirm(instance, now));

    /// <inheritdoc/>
    public void Refresh() => Do(core.Refresh);

    /// <summary>Takes back what was announced, and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (gate)
        {
            if (disposed)
                return;
            Do(_ => core.Withdraw());
            disposed = true;
            foreach (Channel<PeerSighting> listener in listeners)
                listener.Writer.TryComplete();
        }
        NetworkChange.NetworkAddressChanged -= OnNetworkChanged;
        NetworkChange.NetworkAvailabilityChanged -= OnNetworkChanged;
        await lifetime.CancelAsync().ConfigureAwait(false);
        due?.Dispose();
        look?.Dispose();
        await receiving.ConfigureAwait(false);
        sockets?.Dispose();
        lifetime.Dispose();
    }

    private void Do(Action<TimeSpan> what, bool opens = false)
    {
        lock (gate)
        {
            if (disposed)
            {
                ObjectDisposedException.ThrowIf(opens, this);
                return;
            }
            if (sockets is null)
            {
                if (!opens)
                    return;
                Open();
            }
            what(time.GetElapsedTime(started));
            while (core.Outgoing.TryDequeue(out OutgoingPacket? packet))
                sockets!.Send(packet);
            while (core.Sightings.TryDequeue(out PeerSighting? sighting))
            {
                foreach (Channel<PeerSighting> listener in listeners)
                    listener.Writer.TryWrite(sighting);
            }
            Schedule();
        }
    }

    private void Schedule()
    {
        if (core.NextDue is not { } next)
        {
            due!.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            return;
        }
        TimeSpan wait = next - time.GetElapsedTime(started);
        // Rounded up: a timer that is early finds nothing to do, and is set again.
        wait = wait < TimeSpan.Zero ? TimeSpan.Zero : wait + TimeSpan.FromMilliseconds(1);
        due!.Change(wait < LookInterval ? wait : LookInterval, Timeout.InfiniteTimeSpan);
    }

    private void Open()
    {
        sockets = new MulticastSockets();
        due = time.CreateTimer(_ => Do(core.OnTimer), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        look = time.CreateTimer(_ => Look(), null, LookInterval, LookInterval);
        NetworkChange.NetworkAddressChanged += OnNetworkChanged;
        NetworkChange.NetworkAvailabilityChanged += OnNetworkChanged;
        TakeLinks(NetworkLinks.Read(options.UsesInterface) ?? [], time.GetElapsedTime(started));
        receiving = Task.Run(() => sockets.ReceiveAsync(OnPacket, lifetime.Token));
    }

    private void OnPacket(int link, IPEndPoint source, ReadOnlySpan<byte> packet)
    {
        lock (gate)
        {
            if (disposed)
                return;
            core.OnPacket(link, source, packet, time.GetElapsedTime(started));
            Do(static _ => { });
        }
    }

    private void OnNetworkChanged(object? sender, EventArgs e) => Look();

    private void Look()
    {
        // Read outside of the gate: it may take its time.
        if (NetworkLinks.Read(options.UsesInterface) is { } links)
            Do(now => TakeLinks(links, now));
    }

    private void TakeLinks(IReadOnlyList<LinkAddresses> links, TimeSpan now)
    {
        sockets!.Join(links);
        core.SetLinks(links, now);
    }
}
