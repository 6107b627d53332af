using System.Net;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Crdt.Transport.Security;
using Xunit.Abstractions;

namespace Crdt.Integration.Transport;

/// <summary>Nodes with real replicas: what people rely on, over every transport.</summary>
public abstract class SyncConformance(ITestOutputHelper output)
{
    private protected abstract IPeerTransport Transport { get; }

    private protected virtual EcdsaNodeKey? Key => null;

    [Fact]
    public async Task Two_nodes_that_wrote_apart_end_with_the_same()
    {
        await using Mesh mesh = new(Transport, key: Key);
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        for (int i = 0; i < 300; i++)
        {
            await Mesh.CommitAsync(a, $"a{i}");
            await Mesh.CommitAsync(b, $"b{i}");
        }

        PeerConnection connection = await left.ConnectAsync(await Mesh.ListenAsync(right));
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);

        Assert.Equal("x", Mesh.Read(a, "b299"));
        Assert.Equal("x", Mesh.Read(b, "a299"));
        await Mesh.AssertConvergedAsync(a, b);
        SyncProgress? progress = connection.GetProgress(mesh.Genesis.Space);
        long written = Key is null ? 300 : 301; // in a keyed space each author begins by naming its enrolment
        Assert.Equal((written, written), (progress!.MutationsSent, progress.MutationsReceived));
        Assert.Equal(right.NodeId, connection.PeerNodeId);
        Assert.NotNull(connection.RoundTrip);
        long errorMs = (long)connection.RoundTrip.Value.TotalMilliseconds / 2 + 2; // the clock is the same
        Assert.InRange(connection.ClockSkewMs, -errorMs, errorMs);
    }

    [Fact]
    public async Task What_is_committed_while_connected_is_pushed_at_once_both_ways()
    {
        await using Mesh mesh = new(Transport, key: Key);
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        PeerConnection connection = await left.ConnectAsync(await Mesh.ListenAsync(right));
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);

        for (int i = 0; i < 20; i++)
        {
            await Mesh.CommitAsync(a, $"a{i}");
            await Mesh.UntilAsync(() => Mesh.Read(b, $"a{i}") == "x", "the push to the right");
            await Mesh.CommitAsync(b, $"b{i}");
            await Mesh.UntilAsync(() => Mesh.Read(a, $"b{i}") == "x", "the push to the left");
        }
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        await Mesh.AssertConvergedAsync(a, b);
    }

    [Fact]
    public async Task A_change_reaches_the_third_through_the_second()
    {
        await using Mesh mesh = new(Transport, key: Key);
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        (PeerNode middle, _) = await mesh.NodeAsync();
        (PeerNode right, Replica c) = await mesh.NodeAsync();
        EndPoint address = await Mesh.ListenAsync(middle);
        await left.ConnectAsync(address);
        await right.ConnectAsync(address);
        await Mesh.CommitAsync(a, "far");
        await Mesh.UntilAsync(() => Mesh.Read(c, "far") == "x", "the way through the middle");
        Assert.Equal(2, middle.Connections.Count);
    }

    [Fact]
    public async Task Many_spaces_share_one_connection_and_only_the_common_ones_replicate()
    {
        await using Mesh mesh = new(Transport, key: Key);
        SpaceGenesis[] common = [.. Enumerable.Range(0, 5).Select(i => mesh.Space($"common {i}"))];
        var left = new List<Replica>();
        var right = new List<Replica>();
        foreach (SpaceGenesis genesis in common)
        {
            left.Add(await mesh.ReplicaAsync(genesis));
            right.Insert(0, await mesh.ReplicaAsync(genesis)); // another order: each side has its own numbers
        }
        left.Insert(2, await mesh.ReplicaAsync(mesh.Space("left alone")));
        right.Insert(1, await mesh.ReplicaAsync(mesh.Space("right alone")));
        foreach (Replica replica in left)
            await Mesh.CommitAsync(replica, "x", replica.SpaceName);

        PeerNode dialler = mesh.Node(null, [.. left]);
        PeerNode acceptor = mesh.Node(null, [.. right]);
        PeerConnection connection = await dialler.ConnectAsync(await Mesh.ListenAsync(acceptor));
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);

        Assert.Equal(5, connection.Spaces.Count);
        foreach (Replica replica in right)
        {
            bool isCommon = common.Any(genesis => genesis.Space == replica.Space);
            Assert.Equal(isCommon ? replica.SpaceName : null, Mesh.Read(replica, "x"));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_space_added_later_joins_the_connection_there_is(bool diallerFirst)
    {
        await using Mesh mesh = new(Transport, key: Key);
        (PeerNode dialler, _) = await mesh.NodeAsync();
        (PeerNode acceptor, _) = await mesh.NodeAsync();
        PeerConnection connection = await dialler.ConnectAsync(await Mesh.ListenAsync(acceptor));
        SpaceGenesis later = mesh.Space("later");
        Replica a = await mesh.ReplicaAsync(later);
        Replica b = await mesh.ReplicaAsync(later);
        await Mesh.CommitAsync(a, "old");
        (diallerFirst ? dialler : acceptor).Add(a);
        (diallerFirst ? acceptor : dialler).Add(b);
        await Mesh.UntilAsync(() => Mesh.Read(b, "old") == "x", "what was there before");
        await Mesh.CommitAsync(b, "new");
        await Mesh.UntilAsync(() => Mesh.Read(a, "new") == "x", "what came after");
        Assert.Equal(2, connection.Spaces.Count);
        Assert.Throws<InvalidOperationException>(() => dialler.Add(a));
    }

    [Fact]
    public async Task A_space_that_the_dialler_greeted_with_begins_when_the_other_side_gets_it()
    {
        // Many times: the first message of the first try may arrive before the other side gets the space, or after.
        for (int i = 0; i < 100; i++)
        {
            await using Mesh mesh = new(Transport, key: Key);
            (PeerNode dialler, _) = await mesh.NodeAsync();
            SpaceGenesis other = mesh.Space("other");
            Replica a = await mesh.ReplicaAsync(other);
            dialler.Add(a);
            (PeerNode acceptor, _) = await mesh.NodeAsync();
            PeerConnection connection = await dialler.ConnectAsync(await Mesh.ListenAsync(acceptor));
            Assert.Equal([mesh.Genesis.Space], connection.Spaces);

            Replica b = await mesh.ReplicaAsync(other);
            acceptor.Add(b);
            await Mesh.CommitAsync(a, "now");
            await Mesh.UntilAsync(
                () => Mesh.Read(b, "now") == "x" || connection.Completion.IsCompleted, "the space begins");
            Assert.Equal("x", Mesh.Read(b, "now"));
        }
    }

    [Fact]
    public async Task Spaces_added_in_quick_succession_are_declared_before_they_speak()
    {
        await using Mesh mesh = new(Transport, key: Key);
        (PeerNode dialler, _) = await mesh.NodeAsync();
        (PeerNode acceptor, _) = await mesh.NodeAsync();
        PeerConnection connection = await dialler.ConnectAsync(await Mesh.ListenAsync(acceptor));
        const int Added = 300;
        var here = new List<Replica>();
        var there = new List<Replica>();
        for (int i = 0; i < Added; i++)
        {
            SpaceGenesis genesis = mesh.Space($"space {i}");
            here.Add(await mesh.ReplicaAsync(genesis));
            there.Insert(i / 2, await mesh.ReplicaAsync(genesis));
        }
        await Task.WhenAll(Task.Run(() => here.ForEach(dialler.Add)), Task.Run(() => there.ForEach(acceptor.Add)));
        await Mesh.UntilAsync(
            () => connection.Completion.IsCompleted || connection.Spaces.Count == Added + 1, "all spaces");
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        Assert.Equal([connection], dialler.Connections);
    }

    [Fact]
    public async Task More_spaces_than_a_greeting_holds_follow_it()
    {
        await using Mesh mesh = new(Transport, key: Key);
        PeerNode dialler = mesh.Node(null);
        PeerNode acceptor = mesh.Node(null);
        Replica? last = null;
        Replica? lastThere = null;
        for (int i = 0; i < 130; i++)
        {
            SpaceGenesis genesis = mesh.Space($"space {i}");
            dialler.Add(last = await mesh.ReplicaAsync(genesis));
            acceptor.Add(lastThere = await mesh.ReplicaAsync(genesis));
        }
        await Mesh.CommitAsync(last!, "x");
        PeerConnection connection = await dialler.ConnectAsync(await Mesh.ListenAsync(acceptor));
        await Mesh.UntilAsync(() => Mesh.Read(lastThere!, "x") == "x", "the last space");
        await Mesh.UntilAsync(() => connection.Spaces.Count == 130, "all spaces");
    }

    [Fact]
    [Trait("Error", nameof(WireError.Closed))]
    public async Task A_close_is_told_to_the_other_side_and_both_know_it_was_on_purpose()
    {
        await using Mesh mesh = new(Transport, key: Key);
        (PeerNode left, _) = await mesh.NodeAsync();
        (PeerNode right, _) = await mesh.NodeAsync();
        PeerConnection connection = await left.ConnectAsync(await Mesh.ListenAsync(right));
        PeerConnection other = right.Connections.Single();
        await connection.CloseAsync().AsTask().WaitAsync(Mesh.Deadline);
        CloseReason here = await connection.Completion;
        CloseReason there = await other.Completion.WaitAsync(Mesh.Deadline);
        Assert.Equal((WireError.Closed, false), (here.Error, here.ByPeer));
        Assert.Equal((WireError.Closed, true), (there.Error, there.ByPeer));
        Assert.Empty(left.Connections);
        Assert.Empty(right.Connections);
        WireException e = await Assert.ThrowsAsync<WireException>(() => connection.WaitForSyncAsync());
        Assert.Equal(WireError.Closed, e.Error);
    }

    [Fact]
    public async Task Both_may_close_at_once_and_need_not_wait_for_each_other()
    {
        await using Mesh mesh = new(Transport, key: Key);
        for (int i = 0; i < 20; i++)
        {
            var options = new PeerNodeOptions { CloseTimeout = TimeSpan.FromMinutes(10) };
            (PeerNode left, _) = await mesh.NodeAsync(options);
            (PeerNode right, _) = await mesh.NodeAsync(options);
            PeerConnection connection = await left.ConnectAsync(await Mesh.ListenAsync(right));
            PeerConnection other = right.Connections.Single();
            await Task.WhenAll(connection.CloseAsync().AsTask(), other.CloseAsync().AsTask()).WaitAsync(Mesh.Deadline);
        }
    }

    [Fact]
    public async Task A_node_that_is_disposed_says_farewell_to_all_and_can_be_dialled_no_more()
    {
        await using Mesh mesh = new(Transport, key: Key);
        (PeerNode hub, _) = await mesh.NodeAsync();
        EndPoint address = await Mesh.ListenAsync(hub);
        var connections = new List<PeerConnection>();
        for (int i = 0; i < 3; i++)
            connections.Add(await (await mesh.NodeAsync()).Node.ConnectAsync(address));
        await hub.DisposeAsync().AsTask().WaitAsync(Mesh.Deadline);
        foreach (PeerConnection connection in connections)
            Assert.Equal(WireError.Closed, (await connection.Completion.WaitAsync(Mesh.Deadline)).Error);
        (PeerNode late, _) = await mesh.NodeAsync();
        WireException e = await Assert.ThrowsAsync<WireException>(async () => await late.ConnectAsync(address));
        Assert.Equal(WireError.Unreachable, e.Error);
        await Assert.ThrowsAsync<ObjectDisposedException>(
            async () => await hub.ListenAsync((EndPoint)Mesh.AnyPort, default));
    }

    [Fact]
    public async Task Nodes_that_dial_each_other_at_once_keep_one_connection()
    {
        for (int round = 0; round < 60; round++)
        {
            await using Mesh mesh = new(Transport, key: Key);
            (PeerNode left, Replica a) = await mesh.NodeAsync();
            (PeerNode right, Replica b) = await mesh.NodeAsync();
            EndPoint leftAddress = await Mesh.ListenAsync(left);
            EndPoint rightAddress = await Mesh.ListenAsync(right);
            await Task.WhenAll(
                Task.Run(async () => await TryConnectAsync(left, rightAddress)),
                Task.Run(async () => await TryConnectAsync(right, leftAddress)));

            await Mesh.UntilAsync(
                () => left.Connections.Count == 1 && right.Connections.Count == 1
                    && left.Connections[0].IsDialler != right.Connections[0].IsDialler,
                "one connection, the same at both");
            PeerConnection kept = left.Connections[0];
            await Mesh.CommitAsync(a, "x");
            await Mesh.UntilAsync(() => Mesh.Read(b, "x") == "x", "it works");
            Assert.Same(kept, left.Connections.Single());
        }
    }

    [Fact]
    public async Task Dialling_a_node_one_is_connected_to_gives_the_connection_there_is()
    {
        await using Mesh mesh = new(Transport, key: Key);
        (PeerNode left, _) = await mesh.NodeAsync();
        (PeerNode right, _) = await mesh.NodeAsync();
        EndPoint address = await Mesh.ListenAsync(right);
        PeerConnection first = await left.ConnectAsync(address);
        PeerConnection second = await left.ConnectAsync(address);
        Assert.Same(first, second);
        PeerConnection third = await right.ConnectAsync(await Mesh.ListenAsync(left));
        await Mesh.UntilAsync(() => left.Connections.Count == 1 && right.Connections.Count == 1, "one connection");
        Assert.Contains(third, right.Connections);
    }

    [Fact]
    public async Task A_reconnection_with_nothing_new_takes_few_bytes_whatever_there_is()
    {
        await using Mesh mesh = new(Transport, key: Key);
        (PeerNode left, Replica a) = await mesh.NodeAsync();
        (PeerNode right, Replica b) = await mesh.NodeAsync();
        for (int i = 0; i < 500; i++)
            await Mesh.CommitAsync(i % 2 == 0 ? a : b, $"{i}");
        EndPoint address = await Mesh.ListenAsync(right);
        PeerConnection first = await left.ConnectAsync(address);
        await first.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        // The other side, too, has said all: else the next meeting would have something new.
        await right.Connections.Single().WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        await first.CloseAsync();

        PeerConnection second = await left.ConnectAsync(address);
        await second.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        PeerConnection other = right.Connections.Single();
        await other.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        output.WriteLine($"first: sent {first.BytesSent}, received {first.BytesReceived}; "
            + $"again: sent {second.BytesSent}, received {second.BytesReceived}");
        Assert.InRange(second.BytesSent, 1, 220);
        Assert.InRange(second.BytesReceived, 1, 220);
        Assert.Equal((0L, 0L), Moved(second, mesh.Genesis.Space));
    }

    private static (long Sent, long Received) Moved(PeerConnection connection, SpaceId space)
    {
        SyncProgress progress = connection.GetProgress(space)!;
        return (progress.MutationsSent, progress.MutationsReceived);
    }

    private static async Task TryConnectAsync(PeerNode node, EndPoint address)
    {
        try
        {
            await node.ConnectAsync(address);
        }
        catch (WireException e) when (e.Error is WireError.Duplicate or WireError.Lost)
        {
            // The other side's dial was kept before this one's greeting was done.
        }
    }
}

public sealed class MemorySyncTests(ITestOutputHelper output) : SyncConformance(output)
{
    private protected override IPeerTransport Transport { get; } = new MemoryTransport();
}

public sealed class TcpSyncTests(ITestOutputHelper output) : SyncConformance(output)
{
    private protected override IPeerTransport Transport { get; } = new TcpTransport();
}

public sealed class TlsSyncTests : SyncConformance
{
    private readonly EcdsaNodeKey key = EcdsaSignatures.CreateKey();

    public TlsSyncTests(ITestOutputHelper output) : base(output) => Transport = new TlsTransport(key);

    private protected override IPeerTransport Transport { get; }

    private protected override EcdsaNodeKey? Key => key;
}
