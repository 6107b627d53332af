using System.Net;
using Crdt.Transport;

namespace Crdt.Server.Tests;

/// <summary>A device with a replica of its own in memory, which meets the server over TLS.</summary>
internal sealed class Device(EcdsaNodeKey key, Replica replica) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private PeerNode node = null!;

    public Replica Replica => replica;

    public string? Token { get; set; }

    public static async Task<Device> OpenAsync(SpaceGenesis genesis, ReplicaId id, EcdsaNodeKey key, TimeProvider? time = null)
    {
        var store = new MemoryReplicaStore(new ReplicaIdentity(genesis.Space, id, ReplicaRole.Client));
        Replica replica = await Replica.OpenAsync(store, new ReplicaOptions { Time = time ?? TimeProvider.System, Genesis = genesis, Key = key });
        var device = new Device(key, replica);
        device.node = new PeerNode(new PeerNodeOptions { Key = key, TimeProvider = time ?? TimeProvider.System, AccessToken = _ => ValueTask.FromResult(device.Token) });
        device.node.Add(replica);
        return device;
    }

    public Task<PeerConnection> ConnectAsync(IPEndPoint server) => node.ConnectAsync(server).AsTask().WaitAsync(Patience);

    public async Task<PeerConnection> MeetAsync(IPEndPoint server)
    {
        PeerConnection connection = await ConnectAsync(server);
        await connection.WaitForSyncAsync().WaitAsync(Patience);
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        await node.DisposeAsync();
        await replica.DisposeAsync();
        key.Dispose();
    }
}
