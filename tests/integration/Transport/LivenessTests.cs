using System.Net;
using Crdt.Transport;
using Crdt.Transport.Frames;
using Crdt.Transport.Sessions;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Integration.Transport;

/// <summary>Peers that fall silent, read nothing or send too slowly; in virtual time.</summary>
public sealed class LivenessTests
{
    private readonly FakeTimeProvider time = new();
    private readonly MemoryTransport memory = new();

    [Fact]
    [Trait("Error", nameof(WireError.Silent))]
    public async Task A_connection_that_went_dead_without_a_sign_is_noticed_by_both_sides()
    {
        var transport = new FaultyTransport(memory);
        await using Mesh mesh = new(transport, time);
        (PeerConnection here, PeerConnection there) = await ConnectAsync(mesh);
        transport.IsFrozen = true;
        time.Advance(TimeSpan.FromSeconds(14));
        Assert.False(here.Completion.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(WireError.Silent, (await here.Completion.WaitAsync(Mesh.Deadline)).Error);
        Assert.Equal(WireError.Silent, (await there.Completion.WaitAsync(Mesh.Deadline)).Error);
    }

    [Fact]
    public async Task An_idle_connection_lives_on_pings_and_learns_time_from_them()
    {
        await using Mesh mesh = new(memory, time);
        (PeerConnection here, PeerConnection there) = await ConnectAsync(mesh);
        Assert.Null(there.RoundTrip);
        for (int i = 0; i < 10; i++)
        {
            (long received, long receivedThere) = (here.BytesReceived, there.BytesReceived);
            time.Advance(TimeSpan.FromSeconds(5.5));
            await Mesh.UntilAsync(
                () => here.BytesReceived > received && there.BytesReceived > receivedThere, "a ping and its answer");
        }
        Assert.False(here.Completion.IsCompleted || there.Completion.IsCompleted);
        await Mesh.UntilAsync(() => here.RoundTrip is not null || there.RoundTrip is not null, "a round trip");
        Assert.Equal((0L, 0L), (here.ClockSkewMs, there.ClockSkewMs));
    }

    [Fact]
    public async Task The_skew_of_the_peers_clock_is_measured_against_half_the_round_trip()
    {
        await using Mesh mesh = new(memory, time);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer peer = await RawPeer.DialAsync(memory, await Mesh.ListenAsync(node));
        long nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        await peer.GreetAsync(RawPeer.Hello(node) with { WallClockMs = nowMs + 90_000 });
        await Mesh.UntilAsync(() => node.Connections.Count == 1, "the connection");
        PeerConnection connection = node.Connections[0];
        Assert.Equal(90_000, connection.ClockSkewMs);

        time.Advance(TimeSpan.FromSeconds(5.5));
        uint number = MessageFormat.ReadPing(await peer.ReadAsync(FrameType.Ping), "the node");
        time.Advance(TimeSpan.FromMilliseconds(400));
        long midwayMs = time.GetUtcNow().ToUnixTimeMilliseconds() - 200;
        await peer.SendAsync(frames => MessageFormat.WritePong(frames, number, midwayMs - 5_000));
        await Mesh.UntilAsync(() => connection.RoundTrip is not null, "the answer");
        Assert.Equal(TimeSpan.FromMilliseconds(400), connection.RoundTrip);
        Assert.Equal(-5_000, connection.ClockSkewMs);
    }

    [Fact]
    public async Task A_ping_that_answers_nothing_asked_is_not_measured()
    {
        await using Mesh mesh = new(memory, time);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer peer = await RawPeer.DialAsync(memory, await Mesh.ListenAsync(node));
        await peer.GreetAsync(RawPeer.Hello(node));
        await peer.SendAsync(frames => MessageFormat.WritePong(frames, 0, 1));
        await peer.SendAsync(frames => MessageFormat.WritePing(frames, 3));
        await peer.ReadAsync(FrameType.Pong);
        Assert.Null(node.Connections.Single().RoundTrip);
    }

    [Fact]
    [Trait("Error", nameof(WireError.NotReading))]
    public async Task A_peer_that_takes_nothing_is_left_and_the_sender_holds_a_bounded_amount()
    {
        await using Mesh mesh = new(memory, time);
        (PeerNode node, Replica replica) = await mesh.NodeAsync();
        (PeerNode other, Replica empty) = await mesh.NodeAsync();
        for (int i = 0; i < 8; i++)
            await Mesh.CommitAsync(replica, $"{i}", Noise(200_000, i));

        // The raw peer says what an empty replica says, and then reads no more.
        byte[][] said = await RecordFirstMessagesAsync(mesh, other, empty);
        await using RawPeer peer = await RawPeer.DialAsync(memory, await Mesh.ListenAsync(node));
        await peer.GreetAsync(RawPeer.Hello(node));
        foreach (byte[] message in said)
            await peer.SendAsync(FrameType.Data, message);
        PeerConnection connection = node.Connections.Single();
        // Held up by a run, that is, and not on its way with what goes before: the pipe takes no more than a piece of it.
        await Mesh.UntilAsync(() => connection.Run.Frames.Outgoing.LengthBytes > FramedConnection.FlushLengthBytes
            && connection.Run.Frames.FlushBegunAt != 0, "the writer is held up");
        Assert.InRange(connection.Run.Frames.Outgoing.LengthBytes, 1, FrameFormat.DataLengthBytesMax + (64 << 10));

        for (int i = 0; i < 20; i++)
        {
            await peer.SendAsync(FrameType.Ping, 0x91, 0x01); // it lives, and sends, but does not read
            await Mesh.UntilAsync(() => connection.Run.Frames.FlushBegunAt != 0, "still held up");
            long received = connection.BytesReceived;
            await peer.SendAsync(FrameType.Ping, 0x91, 0x02);
            await Mesh.UntilAsync(() => connection.BytesReceived > received, "the ping arrives");
            time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(WireError.NotReading, (await connection.Completion.WaitAsync(Mesh.Deadline)).Error);
    }

    [Fact]
    [Trait("Error", nameof(WireError.TooSlow))]
    public async Task A_frame_that_goes_on_too_slowly_ends_the_connection()
    {
        await using Mesh mesh = new(memory, time);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer peer = await RawPeer.DialAsync(memory, await Mesh.ListenAsync(node));
        await peer.GreetAsync(RawPeer.Hello(node));
        PeerConnection connection = node.Connections.Single();
        await peer.SendBytesAsync(0, 0, 1, 0, (byte)FrameType.Data, 0);
        await Mesh.UntilAsync(() => connection.Run.Frames.FrameBegunAt != 0, "the frame begins");
        for (int i = 0; i < 10; i++)
        {
            long received = connection.BytesReceived;
            await peer.SendBytesAsync(new byte[500]);
            await Mesh.UntilAsync(() => connection.BytesReceived == received + 500, "the drip");
            Assert.False(connection.Completion.IsCompleted);
            time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(WireError.TooSlow, (await connection.Completion.WaitAsync(Mesh.Deadline)).Error);
    }

    [Fact]
    public async Task A_frame_that_goes_on_slowly_but_fast_enough_arrives()
    {
        await using Mesh mesh = new(memory, time);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer peer = await RawPeer.DialAsync(memory, await Mesh.ListenAsync(node));
        await peer.GreetAsync(RawPeer.Hello(node));
        PeerConnection connection = node.Connections.Single();
        const int Pieces = 30;
        const int PieceBytes = 2_000;
        int lengthBytes = (Pieces * PieceBytes) + 2;
        await peer.SendBytesAsync((byte)lengthBytes, (byte)(lengthBytes >> 8), 0, 0, 99, 0);
        for (int i = 0; i < Pieces; i++)
        {
            long received = connection.BytesReceived;
            await peer.SendBytesAsync(new byte[PieceBytes]);
            await Mesh.UntilAsync(() => connection.BytesReceived >= received + PieceBytes, "the piece");
            time.Advance(TimeSpan.FromSeconds(1));
        }
        await peer.SendAsync(frames => MessageFormat.WritePing(frames, 9));
        uint answered = 0;
        while (answered != 9)
            answered = MessageFormat.ReadPong(await peer.ReadAsync(FrameType.Pong), "the node").Number;
        Assert.False(connection.Completion.IsCompleted);
    }

    [Fact]
    public async Task A_farewell_that_is_not_answered_is_waited_for_as_long_as_was_set_and_no_longer()
    {
        await using Mesh mesh = new(memory, time);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using RawPeer peer = await RawPeer.DialAsync(memory, await Mesh.ListenAsync(node));
        await peer.GreetAsync(RawPeer.Hello(node));
        PeerConnection connection = node.Connections.Single();
        Task closing = connection.CloseAsync().AsTask();
        Assert.Equal(WireError.Closed, (await peer.ReadFarewellAsync(FrameType.Bye)).Error);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(closing.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1.5));
        await closing.WaitAsync(Mesh.Deadline);
    }

    [Fact]
    public async Task A_dial_into_nowhere_ends_at_the_deadline()
    {
        await using Mesh mesh = new(memory, time);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using var listener = await memory.ListenAsync(Mesh.AnyPort, default);
        Task<PeerConnection> dialling = node.ConnectAsync(listener.LocalEndPoint).AsTask();
        await using RawPeer deaf = await RawPeer.AcceptAsync(listener);
        await deaf.ReadAsync(FrameType.Hello);
        time.Advance(TimeSpan.FromSeconds(5.5));
        WireException e = await Assert.ThrowsAsync<WireException>(() => dialling.WaitAsync(Mesh.Deadline));
        Assert.Equal(WireError.HandshakeTimeout, e.Error);
    }

    [Fact]
    public async Task An_attempt_can_be_given_up()
    {
        await using Mesh mesh = new(memory, time);
        (PeerNode node, _) = await mesh.NodeAsync();
        await using var listener = await memory.ListenAsync(Mesh.AnyPort, default);
        using var giveUp = new CancellationTokenSource();
        Task<PeerConnection> dialling = node.ConnectAsync(listener.LocalEndPoint, giveUp.Token).AsTask();
        await using RawPeer deaf = await RawPeer.AcceptAsync(listener);
        await deaf.ReadAsync(FrameType.Hello);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dialling.WaitAsync(Mesh.Deadline));
        await deaf.ReadToEndAsync();
    }

    // What a node of that replica would say first: its "have", and its heads once it has heard the other's "have".
    private static async Task<byte[][]> RecordFirstMessagesAsync(Mesh mesh, PeerNode node, Replica empty)
    {
        using var session = new SyncSession(empty);
        var have = new System.Buffers.ArrayBufferWriter<byte>();
        Assert.True(await session.WriteNextAsync(have, default));
        Replica full = await mesh.ReplicaAsync();
        await Mesh.CommitAsync(full, "differs");
        using var other = new SyncSession(full);
        var theirs = new System.Buffers.ArrayBufferWriter<byte>();
        Assert.True(await other.WriteNextAsync(theirs, default));
        await session.ReceiveAsync(new(theirs.WrittenMemory), default);
        var heads = new System.Buffers.ArrayBufferWriter<byte>();
        Assert.True(await session.WriteNextAsync(heads, default));
        Assert.Single(node.Spaces);
        return [[0, .. have.WrittenSpan], [0, .. heads.WrittenSpan]];
    }

    private static string Noise(int length, int seed)
    {
        var random = new Random(seed);
        return string.Create(length, random, static (span, source) =>
        {
            for (int i = 0; i < span.Length; i++)
                span[i] = (char)source.Next('!', '~');
        });
    }

    private static async Task<(PeerConnection Here, PeerConnection There)> ConnectAsync(Mesh mesh)
    {
        (PeerNode left, _) = await mesh.NodeAsync();
        (PeerNode right, _) = await mesh.NodeAsync();
        PeerConnection here = await left.ConnectAsync(await Mesh.ListenAsync(right));
        await here.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        PeerConnection there = right.Connections.Single();
        await there.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        return (here, there);
    }
}
