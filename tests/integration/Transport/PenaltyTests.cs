using System.IO.Pipelines;
using System.Net;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Crdt.Transport.Frames;
using Crdt.Transport.Sessions;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Integration.Transport;

/// <summary>Who breaks rules is refused for a while, and nobody else is.</summary>
public sealed class PenaltyTests
{
    private readonly FakeTimeProvider time = new();
    private readonly MemoryTransport memory = new();

    [Fact]
    [Trait("Error", nameof(WireError.Penalised))]
    [Trait("Spec", "WF-6.8")]
    public async Task A_peer_that_breaks_rules_is_refused_for_twice_as_long_each_time_and_nobody_else_is()
    {
        await using Mesh mesh = new(memory, time);
        (PeerNode node, _) = await mesh.NodeAsync();
        EndPoint address = await node.ListenAsync((EndPoint)Mesh.AnyPort, default);
        var events = new List<PeerNodeEvent>();
        node.EventOccurred += (_, happened) =>
        {
            lock (events)
                events.Add(happened);
        };
        Guid culprit = Guid.NewGuid();
        foreach (int seconds in (int[])[1, 2, 4])
        {
            await BreakAsync(node, address, culprit);
            PeerPenalty penalty = Assert.Single(node.Penalties);
            Assert.Equal((culprit.ToString(), WireError.Malformed, time.GetUtcNow().AddSeconds(seconds)), (penalty.Peer, penalty.Error, penalty.Until));
            await using (RawPeer again = await RawPeer.DialAsync(memory, address))
            {
                await again.SendAsync(frames => MessageFormat.WriteHello(frames, RawPeer.Hello(node, culprit)));
                Farewell refused = await again.ReadFarewellAsync(FrameType.Reject);
                Assert.Equal(WireError.Penalised, refused.Error);
                Assert.Contains("Malformed", refused.Text, StringComparison.Ordinal);
            }
            await using (RawPeer other = await RawPeer.DialAsync(memory, address))
                await other.GreetAsync(RawPeer.Hello(node));
            time.Advance(TimeSpan.FromSeconds(seconds));
            Assert.Empty(node.Penalties);
        }
        await using (RawPeer again = await RawPeer.DialAsync(memory, address))
            await again.GreetAsync(RawPeer.Hello(node, culprit));
        lock (events)
        {
            Assert.Equal(3, events.Count(e => e.Kind == PeerNodeEventKind.Penalised));
            Assert.Equal(3, events.Count(e => e is { Kind: PeerNodeEventKind.Refused, Error: WireError.Penalised }));
        }
    }

    [Fact]
    public async Task Strangers_at_one_address_pay_for_each_other_and_who_is_enrolled_there_does_not()
    {
        using EcdsaNodeKey key = EcdsaSignatures.CreateKey(), stranger = EcdsaSignatures.CreateKey(), next = EcdsaSignatures.CreateKey();
        var guised = new GuisedTransport(memory);
        await using Mesh mesh = new(guised, time, key);
        (PeerNode node, _) = await mesh.NodeAsync();
        EndPoint address = await node.ListenAsync((EndPoint)Mesh.AnyPort, default);
        IPEndPoint home = IPEndPoint.Parse("[2001:db8::1]:7"), neighbour = IPEndPoint.Parse("[2001:db8::2]:7"), away = IPEndPoint.Parse("[2001:db8:1::1]:7");

        guised.Next = (home, stranger.PublicKey);
        await using (RawPeer peer = await RawPeer.DialAsync(memory, address))
        {
            await peer.SendAsync(FrameType.Data, 0xFF);
            Assert.Equal(WireError.UnexpectedFrame, (await peer.ReadFarewellAsync(FrameType.Reject)).Error);
        }
        await Mesh.UntilAsync(() => node.Penalties.Count == 1, "by its key it is refused, and the first at its address is free");
        for (int i = 0; i < 2; i++)
        {
            // Each with a key that nobody has seen.
            using EcdsaNodeKey fresh = EcdsaSignatures.CreateKey();
            guised.Next = (home, fresh.PublicKey);
            int before = node.Penalties.Count;
            await using (RawPeer peer = await RawPeer.DialAsync(memory, address))
            {
                await peer.SendAsync(FrameType.Data, 0xFF);
                await peer.ReadFarewellAsync(FrameType.Reject);
            }
            await Mesh.UntilAsync(() => node.Penalties.Count > before, "the next one");
        }
        Assert.Contains(node.Penalties, p => p.Peer == "2001:db8::/64");

        guised.Next = (neighbour, next.PublicKey);
        await using (RawPeer peer = await RawPeer.DialAsync(memory, address))
            Assert.Equal(WireError.Penalised, (await peer.ReadFarewellAsync(FrameType.Reject)).Error);
        foreach ((IPEndPoint from, EcdsaNodeKey whose) in ((IPEndPoint, EcdsaNodeKey)[])[(neighbour, key), (away, next)])
        {
            Assert.Equal(node.NodeId, (await GreetAsync(guised, node, address, from, whose)).NodeId);
        }
    }

    /// <summary>At such an address one is heard at a time, and the one before may not have gone yet.</summary>
    private async Task<Hello> GreetAsync(GuisedTransport guised, PeerNode node, EndPoint address, IPEndPoint from, EcdsaNodeKey whose)
    {
        long since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            guised.Next = (from, whose.PublicKey);
            await using RawPeer peer = await RawPeer.DialAsync(memory, address);
            try
            {
                return await peer.GreetAsync(RawPeer.Hello(node));
            }
            catch (Exception e) when (e is Xunit.Sdk.XunitException or IOException or WireException
                && TimeProvider.System.GetElapsedTime(since) < Mesh.Deadline)
            {
                await Task.Delay(5);
            }
        }
    }

    [Fact]
    public async Task A_peer_without_a_common_space_is_answered_at_once_when_there_is_one()
    {
        await using Mesh mesh = new(memory, time);
        (PeerNode node, _) = await mesh.NodeAsync();
        EndPoint address = await node.ListenAsync((EndPoint)Mesh.AnyPort, default);
        SpaceGenesis common = Mesh.Found("common");
        PeerNode other = mesh.Node(null, await mesh.ReplicaAsync(common));
        foreach (WireError expected in (WireError[])[WireError.NoCommonSpace, WireError.NoCommonSpace, WireError.NoCommonSpace, WireError.Penalised])
        {
            WireException e = await Assert.ThrowsAsync<WireException>(async () => await other.ConnectAsync(address));
            Assert.Equal(expected, e.Error);
        }
        node.Add(await mesh.ReplicaAsync(common));
        await other.ConnectAsync(address);
    }

    [Fact]
    public void Those_who_are_remembered_are_few_and_the_time_is_bounded()
    {
        var penalties = new Penalties(time, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10));
        TimeSpan Length(Penalties.Entry entry) => entry.Until - time.GetUtcNow();
        for (int i = 0; i < 100; i++)
            Assert.InRange(Length(penalties.Note("worst", "worst", WireError.Malformed, 0, TimeSpan.MaxValue)), TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10));
        Assert.Equal(TimeSpan.FromMinutes(10), Length(penalties.Find("worst")!.Value));
        for (int i = 0; i < 2 * Penalties.EntriesMax; i++)
            penalties.Note($"{i}", $"{i}", WireError.Malformed, 0, TimeSpan.MaxValue);
        Assert.Equal(Penalties.EntriesMax, penalties.Standing.Count);
        Assert.NotNull(penalties.Find("worst"));
        time.Advance(TimeSpan.FromMinutes(19));
        Assert.Null(penalties.Find("worst"));
        Assert.Equal(TimeSpan.FromMinutes(10), Length(penalties.Note("worst", "worst", WireError.Malformed, 0, TimeSpan.MaxValue)));
        time.Advance(TimeSpan.FromMinutes(20));
        Assert.Equal(TimeSpan.FromSeconds(1), Length(penalties.Note("worst", "worst", WireError.Malformed, 0, TimeSpan.MaxValue)));
    }

    [Fact]
    public async Task A_change_of_network_dials_at_once_where_nothing_but_the_network_was_in_the_way()
    {
        var refused = new IPEndPoint(IPAddress.Loopback, 50_301);
        var absent = new IPEndPoint(IPAddress.Loopback, 50_300);
        await using Mesh mesh = new(memory, time);
        PeerNode other = mesh.Node(null, await mesh.ReplicaAsync(Mesh.Found("other")));
        await other.ListenAsync((EndPoint)refused, default);
        (PeerNode node, _) = await mesh.NodeAsync();
        PeerLink link = node.KeepConnected(absent), hopeless = node.KeepConnected(refused);
        await Mesh.UntilAsync(() => link.State == PeerLinkState.Waiting && hopeless.State == PeerLinkState.Waiting, "both wait");
        Assert.Equal(WireError.NoCommonSpace, hopeless.LastError!.Error);
        (PeerNode late, _) = await mesh.NodeAsync();
        await late.ListenAsync((EndPoint)absent, default);
        // One change is told several times.
        node.NoteNetworkChange();
        node.NoteNetworkChange();
        int attempts = hopeless.Attempts;
        time.Advance(TimeSpan.FromMilliseconds(500));
        await Mesh.UntilAsync(() => link.State == PeerLinkState.Connected, "the connection");
        Assert.Equal(attempts, hopeless.Attempts);
    }

    private async Task BreakAsync(PeerNode node, EndPoint address, Guid self)
    {
        await using RawPeer peer = await RawPeer.DialAsync(memory, address);
        await peer.GreetAsync(RawPeer.Hello(node, self));
        await peer.SendAsync(FrameType.Ping, 0x90);
        Assert.Equal(WireError.Malformed, (await peer.ReadFarewellAsync(FrameType.Bye)).Error);
        await peer.SendAsync(frames => MessageFormat.WriteFarewell(frames, FrameType.Bye, new Farewell(WireError.Closed, 0, "")));
        await Mesh.UntilAsync(() => node.Penalties.Count == 1, "the penalty");
    }

    /// <summary>Streams in memory that seem to come from elsewhere, with a key that was proved.</summary>
    private sealed class GuisedTransport(MemoryTransport inner) : IPeerTransport
    {
        public (IPEndPoint From, ReadOnlyMemory<byte> Key) Next { get; set; }

        public ValueTask<IPeerStream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
            inner.ConnectAsync(endPoint, cancellationToken);

        public async ValueTask<IPeerListener> ListenAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
            new Listener(this, await inner.ListenAsync(endPoint, cancellationToken));

        private sealed class Listener(GuisedTransport transport, IPeerListener inner) : IPeerListener
        {
            public EndPoint LocalEndPoint => inner.LocalEndPoint;

            public async ValueTask<IPeerStream?> AcceptAsync(CancellationToken cancellationToken) =>
                await inner.AcceptAsync(cancellationToken) is { } stream ? new Guise(stream, transport.Next.From, transport.Next.Key) : null;

            public ValueTask DisposeAsync() => inner.DisposeAsync();
        }

        private sealed class Guise(IPeerStream inner, IPEndPoint from, ReadOnlyMemory<byte> key) : IPeerStream
        {
            public PipeReader Input => inner.Input;

            public PipeWriter Output => inner.Output;

            public EndPoint RemoteEndPoint => from;

            public ReadOnlyMemory<byte> PeerKey => key;

            public void Abort() => inner.Abort();

            public ValueTask DisposeAsync() => inner.DisposeAsync();
        }
    }
}
