using System.Net;
using Crdt.Integration.Store;
using Crdt.Store;
using Crdt.Transport;
using Microsoft.Extensions.Time.Testing;

namespace Crdt.Integration.Transport;

/// <summary>Attempts are noted as they are made, and the schedule of the next ones survives a restart.</summary>
public sealed class JournalTests
{
    private static readonly IPEndPoint Address = new(IPAddress.Loopback, 50_200);

    [Fact]
    [Trait("Error", nameof(WireError.Unreachable))]
    public async Task Attempts_are_noted_and_a_restarted_node_goes_on_with_their_schedule()
    {
        var time = new FakeTimeProvider();
        var memory = new MemoryTransport();
        var disk = new SimulatedDisk();
        var journal = new FileSyncJournal("/peers.json", disk);
        await using Mesh mesh = new(memory, time);
        PeerNode left = await NodeAsync(mesh, journal);
        PeerLink link = left.KeepConnected(Address);
        for (int attempt = 1; attempt <= 8; attempt++)
        {
            await Mesh.UntilAsync(() => journal.Find($"{Address}") is { } p && p.Attempts == attempt && p.NextAttempt is not null, "the note");
            PeerAttempts noted = journal.Find($"{Address}")!;
            Assert.Equal((SyncErrorClass.Transient, nameof(WireError.Unreachable)), (noted.LastError!.Class, noted.LastError.Code));
            await Mesh.UntilAsync(() => link.State == PeerLinkState.Waiting, "the wait");
            if (attempt < 8) time.Advance(noted.NextAttempt!.Value - time.GetUtcNow());
        }
        await left.DisposeAsync();
        PeerAttempts before = journal.Find($"{Address}")!;
        Assert.True(before.Delay > TimeSpan.FromSeconds(1));

        var reopened = new FileSyncJournal("/peers.json", disk.AfterKill());
        PeerNode again = await NodeAsync(mesh, reopened);
        PeerLink resumed = again.KeepConnected(Address);
        await Mesh.UntilAsync(() => resumed.State == PeerLinkState.Waiting, "it waits first");
        Assert.Equal((0, before.NextAttempt), (resumed.Attempts, resumed.NextAttempt));
        time.Advance(before.NextAttempt!.Value - time.GetUtcNow());
        await Mesh.UntilAsync(() => reopened.Find($"{Address}") is { Attempts: 9, NextAttempt: not null }, "the ninth attempt");
        Assert.True(reopened.Find($"{Address}")!.Delay >= before.Delay || reopened.Find($"{Address}")!.Delay > TimeSpan.FromSeconds(20));

        (PeerNode right, _) = await mesh.NodeAsync();
        await right.ListenAsync((EndPoint)Address, default);
        resumed.RetryNow();
        await Mesh.UntilAsync(() => resumed.State == PeerLinkState.Connected, "the connection");
        PeerAttempts met = reopened.Find($"{Address}")!;
        Assert.Equal((0, null, null, right.NodeId), (met.Attempts, met.FailingSince, met.NextAttempt, met.Node));
    }

    [Fact]
    public async Task Where_somebody_has_to_change_something_first_it_is_not_tried_again_soon()
    {
        var time = new FakeTimeProvider();
        var memory = new MemoryTransport();
        var journal = new FileSyncJournal("/peers.json", new SimulatedDisk());
        await using Mesh mesh = new(memory, time);
        PeerNode left = await NodeAsync(mesh, journal);
        Replica other = await mesh.ReplicaAsync(Mesh.Found("another"));
        PeerNode right = mesh.Node(null, other);
        await right.ListenAsync((EndPoint)Address, default);
        PeerLink link = left.KeepConnected(Address);
        await Mesh.UntilAsync(() => journal.Find($"{Address}") is { NextAttempt: not null }, "the note");
        PeerAttempts noted = journal.Find($"{Address}")!;
        Assert.Equal((SyncErrorClass.Permanent, nameof(WireError.NoCommonSpace)), (noted.LastError!.Class, noted.LastError.Code));
        Assert.InRange(noted.NextAttempt!.Value - time.GetUtcNow(), TimeSpan.FromMinutes(9), TimeSpan.FromMinutes(11));
        Assert.Equal(SyncErrorClass.Permanent, link.LastError!.Class);
    }

    private static async Task<PeerNode> NodeAsync(Mesh mesh, ISyncJournal journal) =>
        (await mesh.NodeAsync(new PeerNodeOptions { Random = new Random(3), Journal = journal })).Node;
}
