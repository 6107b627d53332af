using System.Net;
using System.Security.Cryptography;
using Crdt.Transport;
using Crdt.Transport.Lanes;

namespace Crdt.Integration.Transport;

/// <summary>What is assigned to somebody comes first.</summary>
public sealed class CaseListTests : IAsyncDisposable
{
    private readonly Mesh mesh = new(new MemoryTransport());
    private readonly SpaceGenesis list = Mesh.Found("cases"), tunnel = Mesh.Found("tunnel"), border = Mesh.Found("border");

    [Fact]
    public async Task Spaces_of_assigned_cases_come_before_others_by_their_priority_as_the_list_changes()
    {
        (PeerNode device, PeerNode server) = await PairAsync();
        await using CaseList cases = new(device, Mesh.Of(device, list), new CaseListOptions { Assignee = "ann" });
        PeerConnection connection = await device.ConnectAsync(await Mesh.ListenAsync(server));
        Assert.Empty(await cases.WaitForListAsync().WaitAsync(Mesh.Deadline));
        Assert.Equal([list.Space, tunnel.Space, border.Space], Turns());

        await AssignAsync(server, "1", "ann", border.Space.ToString(), 3);
        await AssignAsync(server, "2", "bob", tunnel.Space.ToString(), 90);
        await AssignAsync(server, "3", "ann", "C-17", 400);
        await AssignAsync(server, "4", "ann", "", 1);
        await Mesh.Of(server, list).CommitAsync(tx =>
            tx.Upsert(Assignment("5")).Set("assignee", 7L).Set("case", tunnel.Space.ToString())); // whatever that is to mean
        await Mesh.UntilAsync(() => cases.Cases.Count == 2, "hers");
        Assert.Equal(
            [new AssignedCase(Assignment("3"), "C-17", 99), new AssignedCase(Assignment("1"), border.Space.ToString(), 3)], await cases.WaitForListAsync());
        Assert.Equal([list.Space, border.Space, tunnel.Space], Turns());
        Assert.Equal([1_000, 103, 0], connection.Lanes.Select(l => l.Priority));

        await AssignAsync(server, "2", "ann", tunnel.Space.ToString(), 90);
        await Mesh.UntilAsync(() => cases.Cases.Count == 3, "one more");
        Assert.Equal([list.Space, tunnel.Space, border.Space], Turns());
        await Mesh.Of(server, list).CommitAsync(tx => tx.Delete(Assignment("2")));
        await Mesh.UntilAsync(() => cases.Cases.Count == 2, "taken away");
        Assert.Equal([list.Space, border.Space, tunnel.Space], Turns());
        await cases.DisposeAsync();
        Assert.All(connection.Lanes, lane => Assert.Equal(0, lane.Priority));

        IEnumerable<SpaceId> Turns() => connection.Lanes.Select(l => l.Space);
    }

    [Fact]
    public async Task The_list_is_ready_before_the_cases_and_these_before_the_rest()
    {
        (PeerNode device, PeerNode server) = await PairAsync();
        await AssignAsync(server, "1", "ann", border.Space.ToString(), 0);
        await Mesh.CommitAsync(Mesh.Of(server, border), "a");
        await Mesh.CommitAsync(Mesh.Of(server, tunnel), "a");
        await using CaseList cases = new(device, Mesh.Of(device, list), new CaseListOptions { Assignee = "ann" });
        device.Lanes[tunnel.Space] = new SpaceLane { IsHeld = true };
        device.Lanes[border.Space] = new SpaceLane { IsHeld = true };
        Task<IReadOnlyList<AssignedCase>> listed = cases.WaitForListAsync();
        Task all = cases.WaitForCasesAsync();
        Assert.False(listed.IsCompleted);
        await device.ConnectAsync(await Mesh.ListenAsync(server));
        Assert.Equal(border.Space, Assert.Single(await listed.WaitAsync(Mesh.Deadline)).Space);
        Assert.False(all.IsCompleted);
        device.Lanes[border.Space] = SpaceLane.Default;
        await all.WaitAsync(Mesh.Deadline);
        Assert.Equal("x", Mesh.Read(Mesh.Of(device, border), "a"));
        Assert.Null(Mesh.Read(Mesh.Of(device, tunnel), "a"));
        using var patience = new CancellationTokenSource();
        Task never = device.Lanes.WaitForSyncAsync(tunnel.Space, patience.Token);
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => never.WaitAsync(Mesh.Deadline));
    }

    [Fact]
    public async Task Of_one_space_the_attachments_of_assigned_cases_are_fetched_first()
    {
        (PeerNode device, PeerNode server) = await PairAsync();
        Replica office = Mesh.Of(server, list), field = Mesh.Of(device, list);
        device.Lanes[list.Space] = new SpaceLane { CarriesAttachments = false };
        await using CaseList cases = new(device, field, new CaseListOptions { Assignee = "ann" });
        await device.ConnectAsync(await Mesh.ListenAsync(server));
        // Else it may tell of some, and what was asked for then comes first, whatever is assigned later.
        await Mesh.UntilAsync(() => server.Connections.Any(c => c.Lanes.Any(l => l.Space == list.Space && l.AttachmentsHold == LaneHold.Peer)), "it knows that they rest");
        var photos = new List<Blob>();
        for (int i = 0; i < 12; i++)
        {
            Blob photo = await office.Blobs.PutAsync(new MemoryStream(RandomNumberGenerator.GetBytes(300_000)), "image/jpeg", $"{i}.jpg");
            await office.CommitAsync(tx => tx.Upsert(new EntityKey("cases", "photo", $"{i}")).Set("file", photo).Set("case", i % 4 == 3 ? "C-17" : "C-1"));
            photos.Add(photo);
        }
        await Mesh.UntilAsync(() => field.Blobs.List().Count == 12, "what there is");
        await AssignAsync(server, "1", "ann", "C-17", 1);
        await Mesh.UntilAsync(() => cases.Cases.Count == 1, "assigned");
        field.Blobs.List(); // what has precedence is settled

        var came = new List<int>();
        var all = new TaskCompletionSource();
        field.Blobs.Changed += root =>
        {
            int i = photos.FindIndex(p => p.Root == root);
            lock (came)
            {
                if (field.Blobs.Find(root) is not { Standing: BlobStanding.Here } || came.Contains(i)) return;
                came.Add(i);
                if (came.Count == photos.Count) all.TrySetResult();
            }
        };
        device.Lanes[list.Space] = SpaceLane.Default;
        await all.Task.WaitAsync(Mesh.Deadline);
        Assert.Equal([3, 7, 11], came.Take(3).Order());
    }

    public async ValueTask DisposeAsync() => await mesh.DisposeAsync();

    private static EntityKey Assignment(string id) => new("cases", "assignment", id);

    private static Task<CommitResult> AssignAsync(PeerNode by, string id, string whom, string named, long priority) =>
        by.Replicas.Single(r => r.SpaceName == "cases").CommitAsync(tx => tx.Upsert(Assignment(id)).Set("assignee", whom).Set("case", named).Set("priority", priority)).AsTask();

    private async Task<(PeerNode Device, PeerNode Server)> PairAsync()
    {
        var nodes = new List<PeerNode>();
        foreach (ReplicaRole role in (ReplicaRole[])[ReplicaRole.Client, ReplicaRole.Server])
            nodes.Add(mesh.Node(null, await mesh.ReplicaAsync(list, role), await mesh.ReplicaAsync(tunnel, role), await mesh.ReplicaAsync(border, role)));
        return (nodes[0], nodes[1]);
    }
}
