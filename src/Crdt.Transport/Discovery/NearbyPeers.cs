using System.Net;
using Crdt.Transport.Security;
using Crdt.Transport.Sessions;

namespace Crdt.Transport.Discovery;

/// <summary>A node among those that a discovery tells of: announces the node where it listens, and wishes for a connection to
/// everybody who is found and known. What is told is believed as far as a dial; who answers there, keys decide.</summary>
/// <param name="node">The node.</param>
/// <param name="discovery">Stays its owner's.</param>
/// <param name="isDialling">Whether to dial; else only to tell who is there.</param>
internal sealed class NearbyPeers(PeerNode node, IPeerDiscovery discovery, bool isDialling) : IAsyncDisposable
{
    // Whoever is around can announce what it likes: of what is told only so much is remembered and dialled.
    private const int PeersMax = 512;
    private const int LinksMax = 64;

    // Two that have just found each other would both dial: the smaller waits for the larger.
    private static readonly TimeSpan Courtesy = TimeSpan.FromMilliseconds(300);

    // Who was not known may be by now: its enrolment arrives with the data.
    private static readonly TimeSpan ReviewInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(30);

    // What anybody can claim must not have a peer dialled as fast as it is claimed.
    private static readonly TimeSpan CallInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CallIntervalRefused = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly CancellationTokenSource lifetime = new();
    private readonly Dictionary<string, Found> found = [];
    private readonly Dictionary<(SpaceId, ReplicaId), string> keys = [];
    private readonly TimeProvider time = node.Options.TimeProvider;
    private TaskCompletionSource changed = NewSignal(), advertise = NewSignal();
    private IPEndPoint? listening;
    private Task loops = Task.CompletedTask;
    private ITimer? review;

    public IReadOnlyList<NearbyPeer> Peers
    {
        get
        {
            lock (gate)
                return [.. found.Values.Where(f => !f.IsGone).OrderBy(f => f.Peer.Instance, StringComparer.Ordinal).Select(f => f.Describe())];
        }
    }

    /// <summary>Completes with the next change of <see cref="Peers"/>.</summary>
    public Task Changed
    {
        get
        {
            lock (gate)
                return changed.Task;
        }
    }

    public void Start()
    {
        node.EventOccurred += OnEvent;
        review = time.CreateTimer(_ => Review(), null, ReviewInterval, ReviewInterval);
        loops = Task.WhenAll(AdvertiseAsync(lifetime.Token), BrowseAsync(lifetime.Token));
    }

    /// <summary>The node listens there: the last place counts.</summary>
    public void Listens(IPEndPoint at)
    {
        lock (gate)
        {
            listening = at;
            advertise.TrySetResult();
        }
    }

    /// <summary>What the node replicates has changed.</summary>
    public void SpacesChanged()
    {
        lock (gate)
            advertise.TrySetResult();
        Review();
    }

    public async ValueTask DisposeAsync()
    {
        node.EventOccurred -= OnEvent;
        await lifetime.CancelAsync().ConfigureAwait(false);
        if (review is not null)
            await review.DisposeAsync().ConfigureAwait(false);
        await loops.ConfigureAwait(false);
        try
        {
            await discovery.WithdrawAsync().ConfigureAwait(false);
        }
        catch (WireException)
        {
            // What could not be announced need not be taken back.
        }
        lock (gate)
            changed.TrySetResult();
    }

    private async Task AdvertiseAsync(CancellationToken cancellationToken)
    {
        await RepeatAsync(async () =>
        {
            while (true)
            {
                Task due;
                IPEndPoint? at;
                lock (gate)
                {
                    if (advertise.Task.IsCompleted)
                        advertise = NewSignal();
                    (due, at) = (advertise.Task, listening);
                }
                if (at is not null)
                {
                    PeerBeacon own = PeerBeacon.Of(node.NodeId, node.Options.Key, node.Spaces);
                    await discovery.AdvertiseAsync(new PeerAdvertisement(own.Instance, at, own.Write()), cancellationToken)
                        .ConfigureAwait(false);
                }
                await due.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }, cancellationToken).ConfigureAwait(false);
    }

    private Task BrowseAsync(CancellationToken cancellationToken) => RepeatAsync(async () =>
    {
        await foreach (PeerSighting sighting in discovery.BrowseAsync(cancellationToken).ConfigureAwait(false))
            Take(sighting);
    }, cancellationToken);

    // Without discovery a node still serves those who know its address.
    private async Task RepeatAsync(Func<Task> work, CancellationToken cancellationToken)
    {
        await Task.Yield();
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                try
                {
                    await work().ConfigureAwait(false);
                }
                catch (WireException e)
                {
                    node.Report(PeerNodeEventKind.DiscoveryFailed, new IPEndPoint(IPAddress.Any, 0), null, e.Error, e.Message);
                }
                await Task.Delay(RetryDelay, time, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The node is being disposed.
        }
    }

    private void Take(PeerSighting sighting)
    {
        PeerLink? dropped = null;
        lock (gate)
        {
            string instance = sighting.Peer.Instance;
            Found? known = found.GetValueOrDefault(instance);
            if (sighting.IsGone)
            {
                if (known is null)
                    return;
                known.IsGone = true;
                dropped = RemoveIfIdle(known);
            }
            else
            {
                PeerBeacon? beacon = PeerBeacon.Read(sighting.Peer.Properties);
                if (beacon?.NodeId == node.NodeId || (beacon is null && !sighting.Peer.IsConfigured))
                    return;
                if (known is null)
                {
                    if (found.Count >= PeersMax)
                        return;
                    found[instance] = known = new Found(instance);
                }
                known.IsGone = false;
                known.Peer = sighting.Peer;
                known.EndPoint.Update(sighting.Peer, beacon);
                Judge(known);
                Call(known);
            }
        }
        Discard(dropped);
        DialKnown();
        SignalChange();
    }

    private void Review()
    {
        var dropped = new List<PeerLink?>();
        lock (gate)
        {
            foreach (Found peer in found.Values.ToArray())
            {
                Judge(peer);
                if (peer.IsGone)
                    dropped.Add(RemoveIfIdle(peer));
                else if (!peer.IsKnown && peer.Link is not null)
                {
                    dropped.Add(peer.Link);
                    peer.Link = null;
                }
            }
        }
        dropped.ForEach(Discard);
        DialKnown();
        SignalChange();
    }

    private void Judge(Found peer)
    {
        PeerBeacon? beacon = peer.EndPoint.Beacon;
        Replica[] common = beacon is null ? [] : [.. node.Replicas.Where(replica => beacon.MayHold(replica.Space))];
        peer.Spaces = [.. common.Select(replica => replica.Space)];
        peer.Enrolment = beacon?.Key is not { } key || node.Options.Key is null ? null : common
            .SelectMany(replica => replica.Enrolments.Where(e => e.Role != ReplicaRole.Authority
                && KeyOf(replica.Space, e) == key
                && !replica.IsRevoked(e.PublicKey.Span, e)))
            .FirstOrDefault();
        bool isOpenPeer = node.Options.Key is null && beacon is { Key: null } && common.Length > 0;
        peer.IsKnown = peer.Peer.IsConfigured || peer.Enrolment is not null || isOpenPeer;
    }

    // An enrolment is the same for ever: its hash is taken once.
    private string KeyOf(SpaceId space, Enrolment enrolment)
    {
        if (!keys.TryGetValue((space, enrolment.Replica), out string? key))
            keys[(space, enrolment.Replica)] = key = PeerBeacon.KeyOf(NodeFingerprint.Of(enrolment.PublicKey.Span));
        return key;
    }

    // It was seen, perhaps elsewhere than before: no need to wait for what its schedule says.
    private void Call(Found peer)
    {
        if (peer.Link is not { State: PeerLinkState.Waiting } link)
            return;
        bool isRefused = link.LastError is { Class: not SyncErrorClass.Transient, Error: not WireError.Closed };
        if (peer.CalledAt is { } last && time.GetElapsedTime(last) < (isRefused ? CallIntervalRefused : CallInterval))
            return;
        peer.CalledAt = time.GetTimestamp();
        link.RetryNow();
    }

    private PeerLink? RemoveIfIdle(Found peer)
    {
        // A connection that lives is worth more than word of mouth: it ends by itself when the peer is gone.
        if (peer.Link is { State: PeerLinkState.Connected } or { State: PeerLinkState.Connecting, Attempts: <= 1 })
            return null;
        found.Remove(peer.EndPoint.Instance);
        return peer.Link;
    }

    private void DialKnown()
    {
        if (!isDialling)
            return;
        lock (gate)
        {
            int links = found.Values.Count(f => f.Link is not null || f.IsBeingDialled);
            foreach (Found peer in found.Values)
            {
                if (!peer.IsKnown || peer.IsGone || peer.Link is not null || peer.IsBeingDialled || links++ >= LinksMax)
                    continue;
                peer.IsBeingDialled = true;
                _ = DialAsync(peer);
            }
        }
    }

    private async Task DialAsync(Found peer)
    {
        try
        {
            if (peer.EndPoint.Beacon is { } beacon && node.NodeId.CompareTo(beacon.NodeId) < 0)
            {
                await Task.Delay(Courtesy * node.Options.Random.NextDouble(), time, lifetime.Token).ConfigureAwait(false);
            }
            // Outside the gate: the first attempt begins within the call.
            PeerLink link = node.KeepConnected(peer.EndPoint);
            lock (gate)
            {
                if (peer is { IsGone: false, IsKnown: true })
                    (peer.Link, link) = (link, null!);
            }
            Discard(link);
            SignalChange();
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The node is being disposed.
        }
        finally
        {
            lock (gate)
                peer.IsBeingDialled = false;
        }
    }

    private void OnEvent(object? sender, PeerNodeEvent happened)
    {
        if (happened is { Kind: PeerNodeEventKind.DialFailed, EndPoint: NearbyEndPoint failed })
            discovery.Reconfirm(failed.Instance);
        if (happened.Kind is PeerNodeEventKind.Connected or PeerNodeEventKind.Disconnected)
            Review();
    }

    private static void Discard(PeerLink? link)
    {
        if (link is not null)
            _ = link.DisposeAsync().AsTask();
    }

    private void SignalChange()
    {
        lock (gate)
        {
            changed.TrySetResult();
            changed = NewSignal();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>One who was found. Under the gate.</summary>
    private sealed class Found(string instance)
    {
        public NearbyEndPoint EndPoint { get; } = new(instance);

        public DiscoveredPeer Peer { get; set; } = null!;

        public IReadOnlyList<SpaceId> Spaces { get; set; } = [];

        public Enrolment? Enrolment { get; set; }

        public bool IsKnown { get; set; }

        public bool IsGone { get; set; }

        public bool IsBeingDialled { get; set; }

        public PeerLink? Link { get; set; }

        public long? CalledAt { get; set; }

        public NearbyPeer Describe() => new(
            EndPoint.Instance, EndPoint.Beacon?.NodeId ?? Guid.Empty, EndPoint.Beacon?.Key, EndPoint, Peer.EndPoints, Spaces,
            Enrolment, IsKnown, Link);
    }
}
