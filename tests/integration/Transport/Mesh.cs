using System.Net;
using System.Security.Cryptography;
using Crdt.Transport;
using Crdt.Transport.Connections;

namespace Crdt.Integration.Transport;

/// <summary>Nodes with real replicas of one space, or of several, on one transport.</summary>
internal sealed class Mesh(IPeerTransport transport, TimeProvider? time = null) : IAsyncDisposable
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly List<PeerNode> nodes = [];
    private readonly List<Replica> replicas = [];
    private readonly TimeProvider time = time ?? TimeProvider.System;

    public SpaceGenesis Genesis { get; } = Found("test");

    public static IPEndPoint AnyPort => new(IPAddress.Loopback, 0);

    public static SpaceGenesis Found(string name) => SpaceGenesis.Create(NewId(), name, [], TimeProvider.System);

    public async Task<Replica> ReplicaAsync(SpaceGenesis? genesis = null, ReplicaRole role = ReplicaRole.Client)
    {
        genesis ??= Genesis;
        var store = new MemoryReplicaStore(new ReplicaIdentity(genesis.Space, NewId(), role));
        Replica replica = await Replica.OpenAsync(store, new ReplicaOptions { Time = time, Genesis = genesis });
        replicas.Add(replica);
        return replica;
    }

    /// <summary>A node of these replicas; where none is given, of a fresh one.</summary>
    public PeerNode Node(PeerNodeOptions? options, params Replica[] held)
    {
        options ??= new PeerNodeOptions();
        var node = new PeerNode(options with
        {
            TimeProvider = time,
            Transport = options.Transport is TcpTransport ? transport : options.Transport,
            HandshakesPerAddressMax = Math.Max(options.HandshakesPerAddressMax, options.HandshakesMax),
        });
        foreach (Replica replica in held)
            node.Add(replica);
        nodes.Add(node);
        return node;
    }

    public async Task<(PeerNode Node, Replica Replica)> NodeAsync(PeerNodeOptions? options = null)
    {
        Replica replica = await ReplicaAsync();
        return (Node(options, replica), replica);
    }

    public static Task CommitAsync(Replica replica, string id, string value = "x") => replica.CommitAsync(
        tx => tx.Upsert(new EntityKey("incident", "strike", id)).Set("value", value)).AsTask();

    public static string? Read(Replica replica, string id) =>
        replica.Get(new EntityKey("incident", "strike", id))?.GetString("value");

    /// <summary>Waits for something that is on its way, with a deadline.</summary>
    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        long since = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            if (TimeProvider.System.GetElapsedTime(since) > Deadline)
                Assert.Fail($"Not within {Deadline}: {what}");
            await Task.Delay(1);
        }
    }

    public static async Task AssertConvergedAsync(params Replica[] converged)
    {
        ReplicaStatus expected = await converged[0].GetStatusAsync();
        foreach (Replica replica in converged)
        {
            ReplicaStatus status = await replica.GetStatusAsync();
            Assert.Equal(expected.Vector, status.Vector);
            Assert.Equal(expected.Digest, status.Digest);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (PeerNode node in nodes)
            await node.DisposeAsync().AsTask().WaitAsync(Deadline);
        foreach (Replica replica in replicas)
            await replica.DisposeAsync();
    }

    private static ReplicaId NewId() => ReplicaId.FromRandom(RandomNumberGenerator.GetBytes(16));
}
