using System.Buffers;
using System.Net;
using System.Security.Cryptography;
using Crdt.Transport;
using Crdt.Transport.Frames;
using Crdt.Transport.Lanes;
using Crdt.Transport.Sessions;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Integration.Transport;

/// <summary>Which space has its turn first on a connection, which rests, and what a connection may cost.</summary>
public sealed class LaneTests : IAsyncDisposable
{
    private static readonly EntityKey Photo = new("incident", "photo", "1");

    private readonly FakeTimeProvider time = new();
    private readonly MemoryTransport transport = new();
    private readonly Mesh mesh;
    private readonly SpaceGenesis list = Mesh.Found("case list"), bulk = Mesh.Found("bulk");

    public LaneTests() => mesh = new Mesh(transport, time);

    [Theory]
    [Trait("Spec", "WF-6.13")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_the_receiver_wants_first_is_sent_first_however_much_else_there_is(bool says)
    {
        Replica much = await FilledAsync(bulk, 30), wanted = await FilledAsync(list, 30);
        PeerNode node = mesh.Node(null, much, wanted);
        await using RawPeer peer = await RawPeer.DialAsync(transport, await Mesh.ListenAsync(node));
        Replica[] own = [await mesh.ReplicaAsync(bulk), await mesh.ReplicaAsync(list)];
        await peer.GreetAsync(RawPeer.Hello(node));
        if (says) await peer.SendAsync(frames => MessageFormat.WriteLanes(frames, [new LaneWish(1, 5, 0)], null));

        List<int> came = await ReceiveAllAsync(peer, own);
        // What was begun before the other space had said anything is sent; from then on it waits.
        IEnumerable<int> between = came.Skip(came.IndexOf(1)).Take(came.LastIndexOf(1) - came.IndexOf(1));
        Assert.True(says == !between.Contains(0), string.Join(" ", came));
    }

    [Fact]
    public async Task Whoever_waits_for_sync_is_told_of_it_however_soon_it_comes()
    {
        (PeerNode device, PeerNode server) = await PairAsync();
        await ConnectAsync(device, server);
        for (int round = 0; round < 500; round++)
        {
            await Mesh.CommitAsync(Mesh.Of(device, list), $"{round}");
            await Task.WhenAll(Enumerable.Range(0, 64).Select(async _ =>
            {
                await Task.Yield();
                await device.Lanes.WaitForSyncAsync(list.Space);
            })).WaitAsync(Mesh.Deadline);
        }
    }

    [Fact]
    public async Task A_space_that_is_held_rests_in_both_directions_and_goes_on_when_it_is_released()
    {
        (PeerNode device, PeerNode server) = await PairAsync();
        device.Lanes[bulk.Space] = new SpaceLane { IsHeld = true };
        (PeerConnection here, PeerConnection there) = await ConnectAsync(device, server);
        await Mesh.UntilAsync(() => Hold(there, bulk) == LaneHold.Peer, "the other side knows");
        Assert.Equal(LaneHold.Here, Hold(here, bulk));
        await Mesh.CommitAsync(Mesh.Of(server, bulk), "down");
        await Mesh.CommitAsync(Mesh.Of(device, bulk), "up");
        await Mesh.CommitAsync(Mesh.Of(server, list), "down");
        await Mesh.CommitAsync(Mesh.Of(device, list), "up");
        await Mesh.UntilAsync(() => Mesh.Read(Mesh.Of(device, list), "down") == "x" && Mesh.Read(Mesh.Of(server, list), "up") == "x", "the other space");
        Task synced = device.Lanes.WaitForSyncAsync(bulk.Space);
        Assert.Null(Mesh.Read(Mesh.Of(device, bulk), "down"));
        Assert.Null(Mesh.Read(Mesh.Of(server, bulk), "up"));
        Assert.False(synced.IsCompleted);

        device.Lanes[bulk.Space] = SpaceLane.Default;
        await synced.WaitAsync(Mesh.Deadline);
        Assert.Equal("x", Mesh.Read(Mesh.Of(device, bulk), "down"));
        Assert.Equal("x", Mesh.Read(Mesh.Of(server, bulk), "up"));
        Assert.Equal(LaneHold.None, Hold(here, bulk));
    }

    [Fact]
    public async Task Where_one_way_is_held_changes_come_by_another()
    {
        (PeerNode device, PeerNode server) = await PairAsync();
        PeerNode third = mesh.Node(null, await mesh.ReplicaAsync(bulk));
        await third.ConnectAsync(await Mesh.ListenAsync(server));
        await third.ConnectAsync(await Mesh.ListenAsync(device));
        (PeerConnection here, _) = await ConnectAsync(device, server);
        for (int i = 0; i < 5; i++) await Mesh.CommitAsync(Mesh.Of(server, bulk), $"before {i}"); // by now they know who gets what from whom
        await Mesh.UntilAsync(() => Mesh.Read(Mesh.Of(device, bulk), "before 4") == "x", "before");
        device.Lanes.Steer(server.NodeId, bulk.Space, new SpaceLane { IsHeld = true });
        await Mesh.UntilAsync(() => Hold(here, bulk) == LaneHold.Here, "it is held");
        await Mesh.CommitAsync(Mesh.Of(server, bulk), "after");
        await Mesh.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(20)); // who waits in vain for the held way asks the other one
            return Mesh.Read(Mesh.Of(device, bulk), "after") == "x";
        }, "by the other way");
    }

    [Fact]
    public async Task When_the_bytes_are_spent_only_what_is_essential_goes_on_and_the_next_connection_has_as_many_again()
    {
        const long budget = 700_000;
        Replica server = await FilledAsync(bulk, 400), listed = await mesh.ReplicaAsync(list);
        PeerNode there = mesh.Node(null, server, listed);
        PeerNode here = mesh.Node(new PeerNodeOptions { Budget = new ConnectionBudget { BytesMax = budget } }, await mesh.ReplicaAsync(bulk), await mesh.ReplicaAsync(list));
        here.Lanes[list.Space] = new SpaceLane { IsEssential = true };
        EndPoint address = await Mesh.ListenAsync(there);
        long before = 0;
        for (int round = 1; round <= 2; round++)
        {
            PeerConnection connection = await here.ConnectAsync(address);
            Assert.Equal(LaneHold.Bytes, await connection.WaitForHoldAsync(bulk.Space).WaitAsync(Mesh.Deadline));
            await Mesh.CommitAsync(listed, $"assigned {round}");
            await Mesh.UntilAsync(() => Mesh.Read(Mesh.Of(here, list), $"assigned {round}") == "x", "what is essential");
            Assert.InRange(connection.BytesReceived + connection.BytesSent, budget, budget + (2 << 20));
            LaneStatus lane = connection.Lanes.Single(l => l.Space == bulk.Space);
            Assert.Equal((LaneHold.Bytes, LaneHold.Bytes), (lane.Hold, lane.AttachmentsHold));
            long held = Mesh.Of(here, bulk).Vector.Select(d => d.Sequence).Sum();
            Assert.InRange(held, before + 1, 399);
            before = held;
            await connection.CloseAsync();
        }
        here.Lanes.Budget = ConnectionBudget.Unlimited;
        await here.ConnectAsync(address);
        await here.Lanes.WaitForSyncAsync(bulk.Space).WaitAsync(Mesh.Deadline);
        await Mesh.AssertConvergedAsync(server, Mesh.Of(here, bulk));
    }

    [Fact]
    public async Task When_the_time_is_spent_or_the_battery_is_low_it_rests_until_there_is_more()
    {
        var battery = new Battery { Now = new PowerStatus(80, false) };
        var patient = new PeerNodeOptions { DeadAfter = TimeSpan.FromDays(1), PingInterval = TimeSpan.FromHours(1) };
        PeerNode server = mesh.Node(patient, await mesh.ReplicaAsync(bulk));
        PeerNode device = mesh.Node(patient with
        {
            Budget = new ConnectionBudget { DurationMax = TimeSpan.FromMinutes(10), BatteryPercentMin = 30 },
            Power = battery,
        }, await mesh.ReplicaAsync(bulk));
        (PeerConnection here, PeerConnection there) = await ConnectAsync(device, server);
        await device.Lanes.WaitForSyncAsync(bulk.Space).WaitAsync(Mesh.Deadline);

        battery.Now = new PowerStatus(29, false);
        await AdvanceUntilAsync(() => Hold(here, bulk) == LaneHold.Battery);
        await Mesh.UntilAsync(() => Hold(there, bulk) == LaneHold.PeerBudget, "the server knows");
        await Mesh.CommitAsync(Mesh.Of(server, bulk), "meanwhile");
        battery.Now = new PowerStatus(29, true);
        await AdvanceUntilAsync(() => Hold(here, bulk) == LaneHold.None);
        await Mesh.UntilAsync(() => Mesh.Read(Mesh.Of(device, bulk), "meanwhile") == "x", "charged again");

        await AdvanceUntilAsync(() => Hold(here, bulk) == LaneHold.Time);
        Assert.False(here.Completion.IsCompleted);

        async Task AdvanceUntilAsync(Func<bool> condition)
        {
            for (int i = 0; i < 300 && !condition(); i++)
            {
                time.Advance(TimeSpan.FromSeconds(3));
                await Task.Yield();
            }
            Assert.True(condition());
        }
    }

    [Fact]
    public async Task Attachments_rest_while_the_mutations_go_on()
    {
        (PeerNode device, PeerNode server) = await PairAsync();
        device.Lanes[bulk.Space] = new SpaceLane { CarriesAttachments = false };
        (PeerConnection here, _) = await ConnectAsync(device, server);
        byte[] content = RandomNumberGenerator.GetBytes(200_000);
        Blob blob = await Mesh.Of(server, bulk).Blobs.PutAsync(new MemoryStream(content), "image/jpeg", "1.jpg");
        await Mesh.Of(server, bulk).CommitAsync(tx => tx.Upsert(Photo).Set("file", blob));
        await Mesh.UntilAsync(() => Mesh.Of(device, bulk).Blobs.Find(blob.Root) is not null, "its name");
        await Mesh.CommitAsync(Mesh.Of(server, bulk), "more");
        await Mesh.UntilAsync(() => Mesh.Read(Mesh.Of(device, bulk), "more") == "x", "more");
        LaneStatus lane = here.Lanes.Single(l => l.Space == bulk.Space);
        Assert.Equal((LaneHold.None, LaneHold.Here), (lane.Hold, lane.AttachmentsHold));
        Assert.InRange(lane.BytesReceived, 1, 50_000);

        device.Lanes[bulk.Space] = SpaceLane.Default;
        await Mesh.Of(device, bulk).Blobs.FetchAsync(blob).AsTask().WaitAsync(Mesh.Deadline);
        await using Stream stored = Mesh.Of(device, bulk).Blobs.OpenRead(blob);
        var copy = new MemoryStream();
        await stored.CopyToAsync(copy);
        Assert.Equal(content, copy.ToArray());
    }

    [Fact]
    public async Task What_is_said_of_one_node_holds_for_that_one_alone()
    {
        (PeerNode device, PeerNode server) = await PairAsync();
        PeerNode other = mesh.Node(null, await mesh.ReplicaAsync(bulk), await mesh.ReplicaAsync(list));
        (_, PeerConnection first) = await ConnectAsync(device, server);
        await other.ConnectAsync(await Mesh.ListenAsync(server));
        PeerConnection second = server.Connections.Single(c => c.PeerNodeId == other.NodeId);
        server.Lanes.Steer(device.NodeId, bulk.Space, new SpaceLane { IsHeld = true, Priority = 7 });
        server.Lanes[list.Space] = new SpaceLane { Priority = -3 };
        Assert.Equal([(bulk.Space, 7, LaneHold.Here), (list.Space, -3, LaneHold.None)], Told(first));
        Assert.Equal([(bulk.Space, 0, LaneHold.None), (list.Space, -3, LaneHold.None)], Told(second));
        server.Lanes.Steer(device.NodeId, bulk.Space, null);
        Assert.Equal([(bulk.Space, 0, LaneHold.None), (list.Space, -3, LaneHold.None)], Told(first));

        IEnumerable<(SpaceId, int, LaneHold)> Told(PeerConnection connection) =>
            connection.Lanes.Select(l => (l.Space, l.Priority, l.Hold));
    }

    [Fact]
    public async Task Who_wants_nothing_special_says_nothing_of_it()
    {
        (PeerNode device, PeerNode server) = await PairAsync();
        await using RawPeer peer = await RawPeer.DialAsync(transport, await Mesh.ListenAsync(server));
        await peer.GreetAsync(RawPeer.Hello(server));
        await peer.SendAsync(frames => MessageFormat.WritePing(frames, 1));
        while (true)
        {
            peer.Frames.Advance();
            Frame frame = (await peer.Frames.ReadAsync(default).AsTask().WaitAsync(Mesh.Deadline))!.Value;
            Assert.NotEqual(FrameType.Lanes, frame.Type);
            if (frame.Type == FrameType.Pong) break;
        }
        server.Lanes[list.Space] = new SpaceLane { Priority = 1 };
        Frame said = await peer.ReadAsync(FrameType.Lanes);
        (IReadOnlyList<LaneWish> wishes, long? left) = MessageFormat.ReadLanes(said, "x");
        Assert.Equal(1, Assert.Single(wishes).Priority);
        Assert.Null(left);
        await device.DisposeAsync();
    }

    [Fact]
    public async Task Lanes_of_a_channel_that_was_not_declared_end_the_connection()
    {
        (PeerNode _, PeerNode server) = await PairAsync();
        await using RawPeer peer = await RawPeer.DialAsync(transport, await Mesh.ListenAsync(server));
        await peer.GreetAsync(RawPeer.Hello(server));
        await peer.SendAsync(frames => MessageFormat.WriteLanes(frames, [new LaneWish(900, 0, LaneFlags.Held)], 5));
        Assert.Equal(WireError.UnknownChannel, (await peer.ReadFarewellAsync(FrameType.Bye)).Error);
    }

    [Fact]
    public void What_makes_no_sense_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new SpaceLane { Priority = SpaceLane.PriorityMax + 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SpaceLane { Priority = -SpaceLane.PriorityMax - 1 });
        foreach (ConnectionBudget bad in (ConnectionBudget[])
            [new() { BytesMax = -1 }, new() { DurationMax = TimeSpan.FromSeconds(-1) }, new() { BatteryPercentMin = -1 }, new() { BatteryPercentMin = 101 }])
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => mesh.Node(new PeerNodeOptions { Budget = bad }));
        }
    }

    [Fact]
    public void The_battery_is_what_the_kernel_says()
    {
        string supplies = Path.Combine(AppContext.BaseDirectory, $"power-{Guid.NewGuid()}");
        var source = new LinuxPowerSource(supplies);
        Assert.Null(source.Read());
        Supply("AC", ("type", "Mains"), ("online", "0"));
        Assert.Null(source.Read());
        Supply("mouse", ("type", "Battery"), ("scope", "Device"), ("capacity", "100"), ("status", "Discharging"));
        Assert.Null(source.Read());
        Supply("BAT0", ("type", "Battery"), ("capacity", "41"), ("status", "Discharging"));
        Assert.Equal(new PowerStatus(41, false), source.Read());
        Supply("AC", ("type", "Mains"), ("online", "1"));
        Assert.Equal(new PowerStatus(41, true), source.Read());
        Directory.Delete(supplies, true);

        void Supply(string name, params (string Name, string Text)[] files)
        {
            string directory = Directory.CreateDirectory(Path.Combine(supplies, name)).FullName;
            foreach ((string file, string text) in files) File.WriteAllText(Path.Combine(directory, file), text + "\n");
        }
    }

    public async ValueTask DisposeAsync() => await mesh.DisposeAsync();

    // The other end of all of the node's spaces, until both sides have said all: the channels of what it was sent, in order, but
    // for what is short and only about who holds what.
    private static async Task<List<int>> ReceiveAllAsync(RawPeer peer, Replica[] own)
    {
        SyncSession[] sessions = [.. own.Select(replica => new SyncSession(replica, new SyncSessionOptions()))];
        var came = new List<int>();
        while (true)
        {
            for (int channel = 0; channel < sessions.Length; channel++)
            {
                while (true)
                {
                    MessageFormat.BeginData(peer.Frames.Outgoing, channel);
                    if (!await sessions[channel].WriteNextAsync(peer.Frames.Outgoing, default)) break;
                    peer.Frames.Outgoing.Commit();
                }
                peer.Frames.Outgoing.Rollback();
            }
            await peer.Frames.FlushAsync(default);
            if (own.All(replica => replica.Vector.Count > 1) && sessions.All(s => s.IsInSync)) break;
            Frame frame = await peer.ReadAsync(FrameType.Data);
            int from = MessageFormat.ReadData(frame, "the node", out ReadOnlySequence<byte> message);
            if (message.Length > 5_000) came.Add(from);
            await sessions[from].ReceiveAsync(message, default);
        }
        foreach (SyncSession session in sessions) session.Dispose();
        return came;
    }

    private static LaneHold Hold(PeerConnection connection, SpaceGenesis space) =>
        connection.Lanes.Single(l => l.Space == space.Space).Hold;

    private static async Task<(PeerConnection Here, PeerConnection There)> ConnectAsync(PeerNode device, PeerNode server)
    {
        PeerConnection here = await device.ConnectAsync(await Mesh.ListenAsync(server));
        await Mesh.UntilAsync(() => server.Connections.Any(c => c.PeerNodeId == device.NodeId), "both know");
        return (here, server.Connections.Single(c => c.PeerNodeId == device.NodeId));
    }

    // In runs of about ten kilobytes, which nothing makes smaller.
    private async Task<Replica> FilledAsync(SpaceGenesis space, int runs)
    {
        Replica replica = await mesh.ReplicaAsync(space, ReplicaRole.Server, closesEachRun: true);
        for (int i = 0; i < runs; i++) await Mesh.CommitAsync(replica, $"{i}", Convert.ToBase64String(RandomNumberGenerator.GetBytes(7_500)));
        return replica;
    }

    private async Task<(PeerNode Device, PeerNode Server)> PairAsync() =>
        (mesh.Node(null, await mesh.ReplicaAsync(bulk), await mesh.ReplicaAsync(list)), mesh.Node(null, await mesh.ReplicaAsync(bulk), await mesh.ReplicaAsync(list)));

    private sealed class Battery : IPowerSource
    {
        public PowerStatus? Now { get; set; }

        public PowerStatus? Read() => Now;
    }
}
