using Crdt.Store;
using Crdt.Transport;

namespace Crdt.Bench.LoadRuns;

/// <summary>A device with a replica on disk and a session with a server, which is made anew whenever it ends.</summary>
internal sealed class FullLoad : IAsyncDisposable
{
    // How exactly it is told when a server was heard to hold a mutation.
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(2), SettleMax = TimeSpan.FromSeconds(120);

    private readonly int server;
    private readonly LoadApi api;
    private readonly EcdsaNodeKey key;
    private readonly Replica replica;
    private readonly PeerNode node;
    private readonly List<Acknowledged> done = [];
    private readonly TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Queue<(Dot Dot, long Number, long Begun)> waiting = [];

    private FullLoad(int server, LoadServer at, int number, EcdsaNodeKey key, Replica replica)
    {
        (this.server, this.key, this.replica) = (server, key, replica);
        Key = new EntityKey("load", "full", $"{number}");
        api = new LoadApi(at);
        node = new PeerNode(new PeerNodeOptions
        {
            NodeId = replica.Id.Value,
            Key = key,
            AccessToken = async _ => await api.TryTokenAsync(),
            ReconnectDelayMin = TimeSpan.FromMilliseconds(50),
            ReconnectDelayMax = TimeSpan.FromSeconds(1),
            ReconnectDelayRefused = TimeSpan.FromSeconds(1),
        });
        node.Add(replica);
        node.KeepConnected(at.Peers);
    }

    /// <summary>What was acknowledged, in order.</summary>
    public IReadOnlyList<Acknowledged> Done => done;

    /// <summary>Completes with the first that is.</summary>
    public Task Started => started.Task;

    /// <summary>Its entity, which counts how often it was written.</summary>
    public EntityKey Key { get; }

    /// <summary>Has a device let in, and lets it meet the server that founded the space: there it learns who the others are, to whom alone it shows its token.</summary>
    public static async Task<FullLoad> EnrolAsync(int server, IReadOnlyList<LoadServer> servers, int number, string directory, LoadApi office, SpaceGenesis founding)
    {
        var id = new ReplicaId(Guid.NewGuid());
        EcdsaNodeKey key = NodeKeyFile.Create(NodeKeyFile.PathIn(directory));
        await office.AskAsync("mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }",
            new { d = new { id = id.Value, public_key = Convert.ToBase64String(key.PublicKey.Span) } });
        FileReplicaStore store = FileReplicaStore.Create(directory, new ReplicaIdentity(founding.Space, id, ReplicaRole.Client));
        Replica replica = await Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Key = key, Genesis = founding });
        await using (var first = new PeerNode(new PeerNodeOptions { Key = key, AccessToken = async _ => await office.TryTokenAsync() }))
        {
            first.Add(replica);
            PeerConnection connection = await first.ConnectAsync(servers[0].Peers);
            await connection.WaitForSyncAsync().WaitAsync(SettleMax);
        }
        return new FullLoad(server, servers[server], number, key, replica);
    }

    public async Task RunAsync(int window, CancellationToken stop)
    {
        while (replica.OwnEnrolment is null && !stop.IsCancellationRequested) await Task.Delay(Poll, CancellationToken.None);
        for (long n = 1; !stop.IsCancellationRequested; n++)
        {
            long begun = TimeProvider.System.GetTimestamp();
            CommitResult made = await replica.CommitAsync(tx => tx.Upsert(Key).Set("n", n).Increment("count"), "dev", CancellationToken.None);
            waiting.Enqueue((made.First, n, begun));
            do
            {
                TakeSynced();
                if (waiting.Count < window) break;
                await Task.Delay(Poll, CancellationToken.None);
            }
            while (!stop.IsCancellationRequested);
        }
        long stopped = TimeProvider.System.GetTimestamp();
        while (waiting.Count > 0)
        {
            if (TimeProvider.System.GetElapsedTime(stopped) > SettleMax) throw new TimeoutException($"{Key}: {waiting.Count} mutations are not held by a server.");
            TakeSynced();
            await Task.Delay(Poll, CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await node.DisposeAsync();
        await replica.DisposeAsync();
        key.Dispose();
        api.Dispose();
    }

    private void TakeSynced()
    {
        if (waiting.Count == 0) return;
        long synced = replica.Vector[replica.Id] - (replica.Queues().FirstOrDefault(q => q.Replica == replica.Id)?.Pending ?? 0);
        while (waiting.TryPeek(out (Dot Dot, long Number, long Begun) next) && next.Dot.Sequence <= synced)
        {
            waiting.Dequeue();
            done.Add(new Acknowledged(server, Key, next.Number, null, MutationId.Of(next.Dot), TimeProvider.System.GetElapsedTime(next.Begun), true));
            started.TrySetResult();
        }
    }
}
