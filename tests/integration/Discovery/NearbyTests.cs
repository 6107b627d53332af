using System.Net;
using Crdt.Integration.Transport;
using Crdt.Transport;
using Crdt.Transport.Discovery;
using Crdt.Transport.Security;

namespace Crdt.Integration.Discovery;

/// <summary>What a node makes of those that it is told of, whoever tells it.</summary>
public sealed class NearbyTests
{
    private readonly MemoryDiscovery.Bus bus = new();

    [Fact]
    public async Task Devices_that_know_each_other_are_connected_as_soon_as_they_find_each_other()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync();
        Camp.Device tablet = await camp.EnrolAsync(office);
        await Mesh.CommitAsync(office.Replica, "1");
        office.Node.Discover(new MemoryDiscovery(bus));
        tablet.Node.Discover(new MemoryDiscovery(bus));
        await Mesh.UntilAsync(() => tablet.Replica.Vector.Equals(office.Replica.Vector) && tablet.Node.Connections.Count == 1, "both hold the same");
        NearbyPeer seen = Assert.Single(office.Node.Nearby);
        Assert.Equal(tablet.Replica.Id, seen.Enrolment?.Replica);
        Assert.Equal([camp.Genesis.Space], seen.Spaces);
        Assert.Single(office.Node.Connections);
    }

    [Fact]
    public async Task A_stranger_is_seen_and_not_dialled_until_it_is_let_in()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync(), stranger = await camp.StrangerAsync();
        office.Node.Discover(new MemoryDiscovery(bus));
        // It tells of itself and dials nobody.
        stranger.Node.Discover(new MemoryDiscovery(bus), isDialling: false);
        NearbyPeer seen = await office.Node.WaitForNearbyAsync(peer => !peer.IsKnown).WaitAsync(Mesh.Deadline);
        Assert.Null(seen.Link);
        Assert.Empty(office.Node.Connections);
        await office.Replica.EnrolAsync(Enrolment.Issue(
            (EcdsaNodeKey)camp.Authority, camp.Genesis.Space, stranger.Replica.Id, stranger.Key.PublicKey, ReplicaRole.Client));
        await office.Node.WaitForNearbyAsync(peer => peer.Link?.Connection is not null).WaitAsync(Mesh.Deadline);
    }

    [Fact]
    public async Task Whoever_claims_to_be_a_device_and_has_another_key_gets_no_further_than_the_greeting()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync(), branch = await camp.BranchAsync(), stranger = await camp.StrangerAsync();
        PeerBeacon claimed = PeerBeacon.Of(branch.Node.NodeId, branch.Key, branch.Node.Spaces);
        bus.Tell(new object(), new DiscoveredPeer("impostor", [stranger.Address], claimed.Write()));
        office.Node.Discover(new MemoryDiscovery(bus));
        NearbyPeer impostor = await office.Node.WaitForNearbyAsync(peer => peer.Link?.LastError is not null).WaitAsync(Mesh.Deadline);
        Assert.True(impostor.IsKnown);
        Assert.Empty(office.Node.Connections);
        Assert.Empty(stranger.Node.Connections);
    }

    [Fact]
    public async Task Who_does_not_answer_is_asked_for_again_and_not_dialled_any_more_when_it_is_gone()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync(), branch = await camp.BranchAsync();
        PeerBeacon beacon = PeerBeacon.Of(branch.Node.NodeId, branch.Key, branch.Node.Spaces);
        var teller = new object();
        // Nobody listens on port 1.
        bus.Tell(teller, new DiscoveredPeer("branch", [new IPEndPoint(IPAddress.Loopback, 1)], beacon.Write()));
        var discovery = new MemoryDiscovery(bus);
        office.Node.Discover(discovery);
        await Mesh.UntilAsync(() => discovery.Reconfirmed.Contains("branch"), "it was asked for again");
        PeerLink link = office.Node.Nearby.Single().Link!;
        bus.Tell(teller, null);
        await Mesh.UntilAsync(() => office.Node.Nearby.Count == 0 && link.State == PeerLinkState.Stopped, "it is forgotten");
    }

    [Fact]
    public async Task One_that_moved_is_dialled_where_it_is_now()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync(
            new PeerNodeOptions { ReconnectDelayMin = TimeSpan.FromMinutes(1), ReconnectDelayMax = TimeSpan.FromMinutes(2) });
        Camp.Device branch = await camp.BranchAsync();
        PeerBeacon beacon = PeerBeacon.Of(branch.Node.NodeId, branch.Key, branch.Node.Spaces);
        var teller = new object();
        bus.Tell(teller, new DiscoveredPeer("branch", [new IPEndPoint(IPAddress.Loopback, 1)], beacon.Write()));
        office.Node.Discover(new MemoryDiscovery(bus));
        await office.Node.WaitForNearbyAsync(peer => peer.Link?.State == PeerLinkState.Waiting).WaitAsync(Mesh.Deadline);
        bus.Tell(teller, new DiscoveredPeer("branch", [new IPEndPoint(IPAddress.Loopback, 1), branch.Address], beacon.Write()));
        await office.Node.WaitForNearbyAsync(peer => peer.Link?.Connection is not null).WaitAsync(Mesh.Deadline);
    }

    [Fact]
    public async Task A_configured_address_is_dialled_whoever_is_there()
    {
        await using var camp = new Camp();
        Camp.Device office = await camp.OfficeAsync(), branch = await camp.BranchAsync();
        office.Node.Discover(new StaticDiscovery([[branch.Address]]));
        await office.Node.WaitForNearbyAsync(peer => peer.Link?.Connection is not null).WaitAsync(Mesh.Deadline);
    }

    [Fact]
    public void What_is_told_names_neither_space_nor_key_and_is_read_again()
    {
        using EcdsaNodeKey key = EcdsaSignatures.CreateKey();
        SpaceId space = SpaceId.FromBytes([.. Enumerable.Range(1, 32).Select(i => (byte)i)]);
        PeerBeacon told = PeerBeacon.Of(Guid.NewGuid(), key, [space]);
        IReadOnlyDictionary<string, string> properties = told.Write();
        string all = string.Concat(properties.Select(p => $"{p.Key}={p.Value};"));
        Assert.DoesNotContain(space.ToString()[..8], all);
        Assert.DoesNotContain(NodeFingerprint.Of(key.PublicKey.Span).ToString(), all);
        PeerBeacon read = PeerBeacon.Read(properties)!;
        Assert.Equal((told.NodeId, told.Key), (read.NodeId, read.Key));
        Assert.True(read.MayHold(space));
        Assert.False(read.MayHold(SpaceId.FromBytes(new byte[31].Append((byte)1).ToArray())));
    }

    [Fact]
    [Trait("Spec", "WF-11.1")]
    public void A_beacon_is_written_as_the_wire_format_says()
    {
        using EcdsaNodeKey key = EcdsaSignatures.CreateKey();
        string fingerprint = NodeFingerprint.Of(key.PublicKey.Span).ToString();
        SpaceId space = SpaceId.FromBytes([.. Enumerable.Range(1, 32).Select(i => (byte)i)]);
        var node = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff");
        PeerBeacon told = PeerBeacon.Of(node, key, [space]);
        Assert.Equal($"{fingerprint[..4]}-{fingerprint[4..8]}-{fingerprint[8..12]}-{fingerprint[12..16]}", told.Instance);
        Assert.Equal(
            [new("v", "1"), new("id", "00112233445566778899aabbccddeeff"), new("k", fingerprint[..16]), new("s", "aeb95b4e502b5f34")],
            told.Write());
        PeerBeacon bare = PeerBeacon.Of(node, null, [.. Enumerable.Range(1, 7).Select(i => SpaceId.FromBytes([.. new byte[31], (byte)i]))]);
        Assert.Equal("0011223344556677", bare.Instance);
        Assert.Equal("*", bare.Write()["s"]);
        Assert.False(bare.Write().ContainsKey("k"));
    }

    [Theory]
    [InlineData("2", "0123456789abcdef0123456789abcdef", null)]
    [InlineData("1", "not an id", null)]
    [InlineData("1", "0123456789abcdef0123456789abcdef", "short")]
    public void What_is_no_nodes_beacon_is_not_read(string version, string id, string? key)
    {
        var told = new Dictionary<string, string> { ["v"] = version, ["id"] = id };
        if (key is not null) told["k"] = key;
        Assert.Null(PeerBeacon.Read(told));
    }
}
