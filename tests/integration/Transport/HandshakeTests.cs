using System.Net;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Crdt.Transport.Frames;
using Crdt.Transport.Sessions;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Integration.Transport;

/// <summary>Each reason for which a connection does not come about, or ends by the peer's doing, with its code.
/// </summary>
public sealed class HandshakeTests
{
    private readonly MemoryTransport transport = new();

    [Fact]
    [Trait("Error", nameof(WireError.VersionNotSupported))]
    [Trait("Spec", "WF-6.4")]
    public async Task Versions_without_a_common_one_are_rejected()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        await AssertRejectedAsync(
            mesh, node, RawPeer.Hello(node) with { VersionMin = 2, VersionMax = 5 }, WireError.VersionNotSupported);
        await AssertRejectedAsync(
            mesh, node, RawPeer.Hello(node) with { VersionMin = 0, VersionMax = 0 }, WireError.VersionNotSupported);
    }

    [Fact]
    public async Task A_wider_range_of_versions_is_welcome()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer peer = await DialAsync(node);
        Hello answer = await peer.GreetAsync(RawPeer.Hello(node) with { VersionMin = 0, VersionMax = 9 });
        Assert.Equal(node.NodeId, answer.NodeId);
        Assert.Equal(77UL, answer.ConnectionId);
    }

    [Fact]
    [Trait("Error", nameof(WireError.NoCommonSpace))]
    [Trait("Spec", "WF-6.5")]
    public async Task Nodes_without_a_common_space_part_and_neither_learns_what_the_acceptor_has()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        Hello other = RawPeer.Hello(node) with { Spaces = [MessageFormatTests.Channel(3)] };
        await AssertRejectedAsync(mesh, node, other, WireError.NoCommonSpace);

        PeerNode stranger = mesh.Node(null, await mesh.ReplicaAsync(Mesh.Found("other")));
        WireException e = await Assert.ThrowsAsync<WireException>(
            async () => await stranger.ConnectAsync(await node.ListenAsync((EndPoint)Mesh.AnyPort, default)));
        Assert.Equal((WireError.NoCommonSpace, true), (e.Error, e.ByPeer));
    }

    [Fact]
    [Trait("Error", nameof(WireError.Duplicate))]
    public async Task A_second_connection_of_the_same_node_is_rejected_where_it_holds_the_first()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        var self = Guid.NewGuid();
        await using RawPeer first = await DialAsync(node), second = await RawPeer.DialAsync(transport, await node.ListenAsync((EndPoint)Mesh.AnyPort, default));
        await first.GreetAsync(RawPeer.Hello(node, self, 71));
        await second.SendAsync(frames => MessageFormat.WriteHello(frames, RawPeer.Hello(node, self, 72) with { Holds = [71] }));
        Assert.Equal(WireError.Duplicate, (await second.ReadFarewellAsync(FrameType.Bye)).Error);
        Assert.Single(node.Connections);
    }

    [Fact]
    public async Task Who_was_answered_and_is_not_recognised_yet_is_told_that_the_connection_is_meant_to_stay()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer first = await DialAsync(node);
        Hello unknown = RawPeer.Hello(node, connectionId: 71) with
        {
            Spaces = [.. Enumerable.Range(0, MessageFormat.HelloSpacesMax).Select(i => new SpaceChannel(i, Mesh.Found($"{i}").Space))],
        };
        await first.GreetAsync(unknown);
        await using IPeerListener listener = await transport.ListenAsync(Mesh.AnyPort, default);
        Task<PeerConnection> dialling = node.ConnectAsync(listener.LocalEndPoint).AsTask();
        await using RawPeer second = await RawPeer.AcceptAsync(listener);
        Hello hello = MessageFormat.ReadHello(await second.ReadAsync(FrameType.Hello), "the node");
        Assert.Empty(node.Connections);
        Assert.Equal([71UL], hello.Holds);
        await second.SendAsync(FrameType.Bye);
        await Assert.ThrowsAnyAsync<Exception>(async () => await dialling);
    }

    [Fact]
    [Trait("Error", nameof(WireError.LocalFailure))]
    public async Task A_failure_of_a_nodes_own_is_told_as_such_and_nothing_of_what_it_was()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, Replica replica) = await mesh.NodeAsync();
        (PeerNode other, Replica writer) = await mesh.NodeAsync();
        PeerConnection connection = await other.ConnectAsync(await node.ListenAsync((EndPoint)Mesh.AnyPort, default));
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        await replica.DisposeAsync();
        await Mesh.CommitAsync(writer, "a");
        CloseReason reason = await connection.Completion.WaitAsync(Mesh.Deadline);
        Assert.Equal((WireError.LocalFailure, true), (reason.Error, reason.ByPeer));
        Assert.DoesNotContain("disposed", reason.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    [Trait("Error", nameof(WireError.ConnectionToSelf))]
    public async Task A_node_that_reaches_itself_says_so()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        EndPoint address = await node.ListenAsync((EndPoint)Mesh.AnyPort, default);
        WireException e = await Assert.ThrowsAsync<WireException>(async () => await node.ConnectAsync(address));
        Assert.Equal(WireError.ConnectionToSelf, e.Error);
        Assert.Empty(node.Connections);
    }

    [Fact]
    [Trait("Error", nameof(WireError.TooManyConnections))]
    public async Task More_connections_than_the_limit_are_rejected()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync(new PeerNodeOptions { ConnectionsMax = 1 });
        (PeerNode first, _) = await mesh.NodeAsync();
        (PeerNode second, _) = await mesh.NodeAsync();
        EndPoint address = await node.ListenAsync((EndPoint)Mesh.AnyPort, default);
        await first.ConnectAsync(address);
        WireException e = await Assert.ThrowsAsync<WireException>(async () => await second.ConnectAsync(address));
        Assert.Equal((WireError.TooManyConnections, true), (e.Error, e.ByPeer));
        Assert.Single(node.Connections);
    }

    [Fact]
    public async Task More_strangers_than_the_limit_are_rejected_and_the_next_is_taken_when_one_leaves()
    {
        await using Mesh mesh = new(transport);
        Replica replica = await mesh.ReplicaAsync();
        await using var node = new PeerNode(new PeerNodeOptions { HandshakesPerAddressMax = 2, Transport = transport });
        node.Add(replica);
        EndPoint address = await node.ListenAsync((EndPoint)Mesh.AnyPort, default);
        await using RawPeer first = await RawPeer.DialAsync(transport, address);
        await using RawPeer second = await RawPeer.DialAsync(transport, address);
        await using RawPeer third = await RawPeer.DialAsync(transport, address);
        Farewell farewell = await third.ReadFarewellAsync(FrameType.Reject);
        Assert.Equal(WireError.TooManyConnections, farewell.Error);
        Assert.Contains("2 connections from 127.0.0.1", farewell.Text, StringComparison.Ordinal);

        Task left = NextEventAsync(node, PeerNodeEventKind.Refused);
        await first.DisposeAsync();
        await left.WaitAsync(Mesh.Deadline);
        await using RawPeer fourth = await RawPeer.DialAsync(transport, address);
        await fourth.GreetAsync(RawPeer.Hello(node));
    }

    [Fact]
    [Trait("Error", nameof(WireError.HandshakeTimeout))]
    public async Task A_stranger_that_says_nothing_is_dropped_at_the_deadline()
    {
        var time = new FakeTimeProvider();
        await using Mesh mesh = new(transport, time);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer peer = await DialAsync(node);
        await Mesh.UntilAsync(() => !HasNoHandshake(node), "the connection is taken");
        Task<PeerNodeEvent> refused = NextEventAsync(node, PeerNodeEventKind.Refused);
        time.Advance(TimeSpan.FromSeconds(4));
        Assert.False(refused.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1.5));
        Assert.Equal(WireError.HandshakeTimeout, (await refused.WaitAsync(Mesh.Deadline)).Error);
        await peer.ReadToEndAsync();
    }

    [Fact]
    public async Task A_greeting_that_drips_is_dropped_at_the_same_deadline()
    {
        var time = new FakeTimeProvider();
        await using Mesh mesh = new(transport, time);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer peer = await DialAsync(node);
        await Mesh.UntilAsync(() => !HasNoHandshake(node), "the connection is taken");
        Task<PeerNodeEvent> refused = NextEventAsync(node, PeerNodeEventKind.Refused);
        foreach (byte drop in (byte[])[100, 0, 0, 0, 1])
        {
            await peer.SendBytesAsync(drop);
            time.Advance(TimeSpan.FromSeconds(1.1));
        }
        Assert.Equal(WireError.HandshakeTimeout, (await refused.WaitAsync(Mesh.Deadline)).Error);
    }

    [Theory]
    [Trait("Error", nameof(WireError.FrameTooLarge))]
    [Trait("Error", nameof(WireError.FrameTooShort))]
    [Trait("Error", nameof(WireError.UnknownFrame))]
    [Trait("Error", nameof(WireError.UnexpectedFrame))]
    [Trait("Error", nameof(WireError.Malformed))]
    [Trait("Spec", "WF-6.3")]
    [InlineData(WireError.FrameTooLarge, new byte[] { (byte)'G', (byte)'E', (byte)'T', (byte)' ' })]
    [InlineData(WireError.FrameTooLarge, new byte[] { 0x01, 0x10, 0, 0 })]
    [InlineData(WireError.FrameTooShort, new byte[] { 1, 0, 0, 0, 1 })]
    [InlineData(WireError.Malformed, new byte[] { 3, 0, 0, 0, 1, 0, 0x90 })]
    [InlineData(WireError.UnexpectedFrame, new byte[] { 3, 0, 0, 0, 16, 0, 0x00 })]
    [InlineData(WireError.UnknownFrame, new byte[] { 2, 0, 0, 0, 99, 0x80 })]
    public async Task Anything_else_before_the_greeting_is_rejected(WireError error, byte[] bytes)
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer peer = await DialAsync(node);
        await peer.SendBytesAsync(bytes);
        Assert.Equal(error, (await peer.ReadFarewellAsync(FrameType.Reject)).Error);
    }

    [Fact]
    public async Task What_need_not_be_understood_is_skipped_also_before_the_greeting()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer peer = await DialAsync(node);
        await peer.SendBytesAsync(3, 0, 0, 0, 99, 0, 1);
        await peer.GreetAsync(RawPeer.Hello(node));
        await peer.SendBytesAsync(3, 0, 0, 0, 99, 0, 1);
        await peer.SendAsync(frames => MessageFormat.WritePing(frames, 5));
        Assert.Equal(5u, MessageFormat.ReadPong(await peer.ReadAsync(FrameType.Pong), "the node").Number);
    }

    public static TheoryData<WireError, int, byte[]> Violations => new()
    {
        { WireError.UnknownChannel, (int)FrameType.Data, [0x09, 0x01] },
        { WireError.Malformed, (int)FrameType.Data, [0xFF] },
        { WireError.Malformed, (int)FrameType.Ping, [0x90] },
        { WireError.Malformed, (int)FrameType.Spaces, [0x91, 0x91, 0x01] },
        { WireError.UnexpectedFrame, (int)FrameType.Hello, [] },
        { WireError.SyncViolation, (int)FrameType.Data, [0x00, 0xC1] },
        { WireError.UnknownFrame, 99, [] },
    };

    [Theory]
    [Trait("Error", nameof(WireError.UnknownChannel))]
    [Trait("Error", nameof(WireError.SyncViolation))]
    [Trait("Spec", "WF-6.3")]
    [Trait("Spec", "WF-6.6")]
    [Trait("Spec", "WF-6.8")]
    [MemberData(nameof(Violations))]
    public async Task A_violation_ends_its_connection_with_its_code_and_leaves_the_others(
        WireError error, int type, byte[] payload)
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, Replica replica) = await mesh.NodeAsync();
        EndPoint address = await node.ListenAsync((EndPoint)Mesh.AnyPort, default);
        (PeerNode good, Replica other) = await mesh.NodeAsync();
        PeerConnection kept = await good.ConnectAsync(address);
        await kept.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        ReplicaStatus before = await replica.GetStatusAsync();

        await using RawPeer peer = await RawPeer.DialAsync(transport, address);
        await peer.GreetAsync(RawPeer.Hello(node));
        PeerConnection bad = node.Connections[1];
        byte flags = type == 99 ? (byte)FrameFlags.MustUnderstand : (byte)0;
        await peer.SendBytesAsync([(byte)(payload.Length + 2), 0, 0, 0, (byte)type, flags, .. payload]);

        Farewell farewell = await peer.ReadFarewellAsync(FrameType.Bye);
        Assert.Equal(error, farewell.Error);
        Assert.Equal(error == WireError.SyncViolation ? (int)SyncError.BadMessage : 0, farewell.Detail);
        await peer.DisposeAsync();
        CloseReason reason = await bad.Completion.WaitAsync(Mesh.Deadline);
        Assert.Equal((error, false), (reason.Error, reason.ByPeer));
        Assert.Equal(before.Digest, (await replica.GetStatusAsync()).Digest);

        Assert.Equal([kept.PeerNodeId], good.Connections.Select(connection => connection.PeerNodeId));
        await Mesh.CommitAsync(replica, "after");
        await Mesh.UntilAsync(() => Mesh.Read(other, "after") == "x", "the other connection lives");
    }

    [Fact]
    public async Task A_message_for_a_space_that_only_the_sender_has_is_passed_over()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer peer = await DialAsync(node);
        Hello hello = RawPeer.Hello(node);
        Hello answer = await peer.GreetAsync(hello with { Spaces = [.. hello.Spaces, MessageFormatTests.Channel(9)] });
        Assert.Equal(node.Spaces, answer.Spaces.Select(space => space.Space));
        await peer.SendAsync(FrameType.Data, 0x09, 0xC1);
        await peer.SendAsync(frames => MessageFormat.WritePing(frames, 5));
        await peer.ReadAsync(FrameType.Pong);
    }

    [Fact]
    [Trait("Spec", "WF-6.5")]
    public async Task Late_messages_of_a_lapsed_declaration_do_not_reach_the_session_that_begins_later()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        SpaceGenesis later = Mesh.Found("later");
        await using RawPeer peer = await DialAsync(node);
        Hello hello = RawPeer.Hello(node);
        await peer.GreetAsync(hello with { Spaces = [.. hello.Spaces, new SpaceChannel(7, later.Space)] });
        await Mesh.UntilAsync(() => node.Connections.Count == 1, "the connection");
        node.Add(await mesh.ReplicaAsync(later));
        SpaceChannel declared = MessageFormat.ReadSpaces(await peer.ReadAsync(FrameType.Spaces), "the node").Spaces.Single();
        Assert.Equal(later.Space, declared.Space);

        await peer.SendAsync(FrameType.Data, 0x07, 0xC1); // nonsense to any session: it must reach none
        await peer.SendAsync(frames => MessageFormat.WriteSpaces(frames, [new SpaceChannel(8, later.Space)], []));
        await peer.SendAsync(FrameType.Data, 0x07, 0xC1);
        await peer.SendAsync(frames => MessageFormat.WritePing(frames, 5));
        await peer.ReadAsync(FrameType.Pong);
        Assert.Equal(2, node.Connections.Single().Spaces.Count);

        await peer.SendAsync(frames => MessageFormat.WriteSpaces(frames, [new SpaceChannel(9, later.Space)], []));
        Assert.Equal(WireError.Malformed, (await peer.ReadFarewellAsync(FrameType.Bye)).Error);
    }

    [Fact]
    [Trait("Error", nameof(WireError.Lost))]
    public async Task A_dialler_hears_why_it_was_rejected_and_that_the_other_side_is_no_node()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using IPeerListener listener = await transport.ListenAsync(Mesh.AnyPort, default);

        Task<PeerConnection> dialling = node.ConnectAsync(listener.LocalEndPoint).AsTask();
        await using (RawPeer peer = await RawPeer.AcceptAsync(listener))
        {
            await peer.SendAsync(frames => MessageFormat.WriteFarewell(
                frames, FrameType.Reject, new Farewell((WireError)999, 0, "of a later version")));
        }
        WireException e = await Assert.ThrowsAsync<WireException>(() => dialling.WaitAsync(Mesh.Deadline));
        Assert.Equal(((WireError)999, true), (e.Error, e.ByPeer));
        Assert.Contains("of a later version", e.Message, StringComparison.Ordinal);

        dialling = node.ConnectAsync(listener.LocalEndPoint).AsTask();
        await using (RawPeer peer = await RawPeer.AcceptAsync(listener))
            await peer.SendBytesAsync([.. "220 mail.example ready\r\n"u8]);
        e = await Assert.ThrowsAsync<WireException>(() => dialling.WaitAsync(Mesh.Deadline));
        Assert.Equal(WireError.FrameTooLarge, e.Error);

        dialling = node.ConnectAsync(listener.LocalEndPoint).AsTask();
        await (await RawPeer.AcceptAsync(listener)).DisposeAsync();
        e = await Assert.ThrowsAsync<WireException>(() => dialling.WaitAsync(Mesh.Deadline));
        Assert.Equal(WireError.Lost, e.Error);
    }

    [Fact]
    public async Task The_dialler_sends_greeting_and_first_messages_before_it_hears_anything()
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using IPeerListener listener = await transport.ListenAsync(Mesh.AnyPort, default);
        Task<PeerConnection> dialling = node.ConnectAsync(listener.LocalEndPoint).AsTask();
        await using RawPeer peer = await RawPeer.AcceptAsync(listener);
        Hello hello = MessageFormat.ReadHello(await peer.ReadAsync(FrameType.Hello), "the node");
        int channel = MessageFormat.ReadData(await peer.ReadAsync(FrameType.Data), "the node", out _);
        Assert.Equal(hello.Spaces.Single().Number, channel);
        Assert.False(dialling.IsCompleted);
    }

    private async Task<RawPeer> DialAsync(PeerNode node) =>
        await RawPeer.DialAsync(transport, await node.ListenAsync((EndPoint)Mesh.AnyPort, default));

    private async Task AssertRejectedAsync(Mesh mesh, PeerNode node, Hello hello, WireError error)
    {
        await using RawPeer peer = await DialAsync(node);
        Task<PeerNodeEvent> refused = NextEventAsync(node, PeerNodeEventKind.Refused);
        await peer.SendAsync(frames => MessageFormat.WriteHello(frames, hello));
        Frame? first = await peer.Frames.ReadAsync(default).AsTask().WaitAsync(Mesh.Deadline);
        Assert.Equal(FrameType.Reject, first!.Value.Type);
        Assert.Equal(error, MessageFormat.ReadFarewell(first.Value, "the node").Error);
        await peer.DisposeAsync();
        Assert.Equal(error, (await refused.WaitAsync(Mesh.Deadline)).Error);
        Assert.Empty(node.Connections);
    }

    private static bool HasNoHandshake(PeerNode node) => node.HandshakesInProgress == 0;

    private static Task<PeerNodeEvent> NextEventAsync(PeerNode node, PeerNodeEventKind kind)
    {
        var next = new TaskCompletionSource<PeerNodeEvent>(TaskCreationOptions.RunContinuationsAsynchronously);
        node.EventOccurred += (_, e) =>
        {
            if (e.Kind == kind)
                next.TrySetResult(e);
        };
        return next.Task;
    }
}
