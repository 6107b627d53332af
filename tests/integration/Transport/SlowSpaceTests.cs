using System.Buffers;
using System.Net;
using System.Security.Cryptography;
using Crdt.Testing;
using Crdt.Transport;
using Crdt.Transport.Sessions;

namespace Crdt.Integration.Transport;

/// <summary>A space whose disk is slow holds up itself, and nobody else.</summary>
public sealed class SlowSpaceTests
{
    [Fact]
    public async Task A_space_that_cannot_be_written_delays_no_other_of_its_connection()
    {
        var transport = new MemoryTransport();
        await using Mesh mesh = new(transport);
        SpaceGenesis slow = Mesh.Found("slow"), quick = Mesh.Found("quick");
        var id = ReplicaId.FromRandom(RandomNumberGenerator.GetBytes(16));
        var store = new GatedStore(new MemoryReplicaStore(new ReplicaIdentity(slow.Space, id, ReplicaRole.Client)));
        await using Replica stuck = await Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Genesis = slow });
        Replica slowWriter = await mesh.ReplicaAsync(slow), quickWriter = await mesh.ReplicaAsync(quick), quickReader = await mesh.ReplicaAsync(quick);
        await using PeerNode reader = mesh.Node(null, stuck, quickReader);
        PeerNode writer = mesh.Node(null, slowWriter, quickWriter);
        PeerConnection connection = await writer.ConnectAsync(await reader.ListenAsync((EndPoint)Mesh.AnyPort, default));
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);

        store.Close();
        try
        {
            int before = store.Appends;
            await Mesh.CommitAsync(slowWriter, "a");
            await Mesh.UntilAsync(() => store.Appends > before, "the disk is slow");
            await Mesh.CommitAsync(slowWriter, "b");
            await Mesh.CommitAsync(quickWriter, "a");
            await Mesh.UntilAsync(() => Mesh.Read(quickReader, "a") == "x", "the other space");
            Assert.Null(Mesh.Read(stuck, "a"));
        }
        finally
        {
            store.Release();
        }
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        Assert.Equal("x", Mesh.Read(stuck, "b"));
    }

    [Fact]
    public async Task What_waits_to_be_applied_is_bounded_for_a_space_and_for_all_together()
    {
        var budget = new ReceiveBudget(10);
        var gate = new TaskCompletionSource();
        var applied = new List<int>();
        async ValueTask ApplyAsync(SpaceSession session, ReadOnlyMemory<byte> message)
        {
            await gate.Task;
            lock (applied)
                applied.Add(message.Span[0]);
        }

        var first = new Inbox(budget, 8, ApplyAsync);
        var second = new Inbox(budget, 8, ApplyAsync);
        SpaceSession a = new(default, null!, null!, null!), b = new(default, null!, null!, null!), c = new(default, null!, null!, null!);
        ValueTask Add(Inbox inbox, SpaceSession session, byte number, int length) =>
            inbox.AddAsync(session, new ReadOnlySequence<byte>([number, .. new byte[length - 1]]), default);
        await Add(first, a, 1, 5);
        Task overSpace = Add(first, a, 2, 4).AsTask();
        Assert.False(overSpace.IsCompleted);
        // The room is used up, and yet each connection holds one message.
        await Add(second, c, 3, 100);
        Task overAll = Add(second, b, 4, 1).AsTask();
        Assert.False(overAll.IsCompleted);
        gate.SetResult();
        await Task.WhenAll(overSpace, overAll).WaitAsync(Mesh.Deadline);
        await first.DrainAsync(default).AsTask().WaitAsync(Mesh.Deadline);
        await second.DrainAsync(default).AsTask().WaitAsync(Mesh.Deadline);
        Assert.Equal([1, 2, 3, 4], applied.Order());
        Assert.True(applied.IndexOf(1) < applied.IndexOf(2));
        Assert.True(budget.TryTake(10));
    }
}
