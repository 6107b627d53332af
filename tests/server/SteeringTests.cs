using System.Text.Json;
using Crdt.Transport;
using Crdt.Transport.Lanes;

namespace Crdt.Server.Tests;

/// <summary>When the space has its turn on connections with devices, through the API.</summary>
public sealed class SteeringTests : ServerTest
{
    private const string Query = "{ space { peers { node_id is_connected lane { priority hold attachments_hold is_held carries_attachments bytes_sent bytes_received } } } }";

    protected override string[] Arguments => ["--listen", "127.0.0.1:0"];

    [Fact]
    public async Task A_device_is_let_rest_and_goes_on()
    {
        await using Device device = await EnrolAsync();
        PeerConnection connection = await device.MeetAsync(Peers);
        Guid node = Space.Node!.Connections.Single().PeerNodeId;
        await WriteAsync("a/x/1", e => e.Set("n", 1));
        await UntilAsync(() => device.Replica.Get(EntityKey.Parse("a/x/1")) is not null);

        JsonElement steered = await AskAsync(
            "mutation($n: UUID!) { steerPeer(node: $n, isHeld: true, priority: 7) { lane { is_held carries_attachments priority hold } } }", new { n = node });
        Assert.Equal("""{"is_held":true,"carries_attachments":true,"priority":7,"hold":"HERE"}""", steered.GetProperty("steerPeer").GetProperty("lane").GetRawText());
        Assert.Equal(LaneHold.Peer, await connection.WaitForHoldAsync(Replica.Space).WaitAsync(TimeSpan.FromSeconds(30)));
        await WriteAsync("a/x/2", e => e.Set("n", 2));
        JsonElement lane = (await AskAsync(Query)).GetProperty("space").GetProperty("peers")[0].GetProperty("lane");
        Assert.Equal("HERE", lane.GetProperty("hold").GetString());
        Assert.True(lane.GetProperty("bytes_sent").GetInt64() > 0 && lane.GetProperty("bytes_received").GetInt64() > 0);
        Assert.Null(device.Replica.Get(EntityKey.Parse("a/x/2")));

        // What is left out stays as it is.
        await AskAsync("mutation($n: UUID!) { steerPeer(node: $n, isHeld: false) { address } }", new { n = node });
        await UntilAsync(() => device.Replica.Get(EntityKey.Parse("a/x/2")) is not null);
        lane = (await AskAsync(Query)).GetProperty("space").GetProperty("peers")[0].GetProperty("lane");
        Assert.Equal((7, "NONE"), (lane.GetProperty("priority").GetInt32(), lane.GetProperty("hold").GetString()));
        await AskAsync("mutation($n: UUID!) { steerPeer(node: $n, carriesAttachments: false) { address } }", new { n = node });
        lane = (await AskAsync(Query)).GetProperty("space").GetProperty("peers")[0].GetProperty("lane");
        Assert.Equal(("NONE", "HERE"), (lane.GetProperty("hold").GetString(), lane.GetProperty("attachments_hold").GetString()));
    }

    [Fact]
    public async Task What_was_steered_holds_when_the_server_is_started_again()
    {
        await using Device device = await EnrolAsync();
        await device.MeetAsync(Peers);
        Guid node = Space.Node!.Connections.Single().PeerNodeId;
        await AskAsync("mutation($n: UUID!) { steerPeer(node: $n, carriesAttachments: false, priority: -3) { address } }", new { n = node });
        await RestartAsync();
        await device.MeetAsync(Peers);
        JsonElement lane = (await AskAsync(Query)).GetProperty("space").GetProperty("peers")[0].GetProperty("lane");
        Assert.Equal((-3, "NONE", "HERE"), (lane.GetProperty("priority").GetInt32(), lane.GetProperty("hold").GetString(), lane.GetProperty("attachments_hold").GetString()));

        // Back to what holds for all: nothing of it is left.
        await AskAsync("mutation($n: UUID!) { steerPeer(node: $n, carriesAttachments: true, priority: 0) { address } }", new { n = node });
        Assert.Equal("[]", await File.ReadAllTextAsync(Path.Combine(Data, "steering.json")));
        foreach (string damaged in (string[])["[{", """[{"Node":"00000000-0000-0000-0000-000000000001","Priority":1001}]""", new string(' ', 5_000_000)])
        {
            await File.WriteAllTextAsync(Path.Combine(Data, "steering.json"), damaged);
            await RestartAsync();
            Assert.NotNull(Space.Steering.Error);
            await device.MeetAsync(Peers);
            await AskAsync("mutation($n: UUID!) { steerPeer(node: $n, isHeld: true) { address } }", new { n = node });
            await RestartAsync();
            Assert.Null(Space.Steering.Error);
            Assert.True(Space.Node!.Lanes.FindSteered(node, Replica.Space).IsHeld);
        }

        // What cannot be kept does not hold.
        Directory.CreateDirectory(Path.Combine(Data, "steering.json.new"));
        PeerConnection connection = await device.ConnectAsync(Peers);
        await connection.WaitForHoldAsync(Replica.Space).WaitAsync(TimeSpan.FromSeconds(30));
        await FailAsync("INTERNAL", "mutation($n: UUID!) { steerPeer(node: $n, isHeld: false) { address } }", new { n = node });
        Assert.True(Space.Node!.Lanes.FindSteered(node, Replica.Space).IsHeld);
    }

    private async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    [Fact]
    public async Task Who_may_not_and_what_makes_no_sense_is_refused()
    {
        await using Device device = await EnrolAsync();
        await device.MeetAsync(Peers);
        Guid node = Space.Node!.Connections.Single().PeerNodeId;
        const string mutation = "mutation($n: UUID!, $p: Int) { steerPeer(node: $n, priority: $p) { address } }";
        await FailAsync("FORBIDDEN", mutation, new { n = node }, scope: "offline:read offline:write");
        await FailAsync("NOT_FOUND", mutation, new { n = Guid.NewGuid() });
        await FailAsync("INVALID_ARGUMENT", mutation, new { n = node, p = 1_001 });
    }
}
