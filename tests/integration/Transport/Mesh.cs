using System.Net;
using System.Security.Cryptography;
using Crdt.Transport;
using Crdt.Transport.Connections;

namespace Crdt.Integration.Transport;

/// <summary>Nodes with real replicas of one space, or of several, on one transport.</summary>
internal sealed class Mesh : IAsyncDisposable
{
    private const int MembersOfEachRole = 48;
    private const int MembersOfAFurtherSpace = 3;

    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly List<PeerNode> nodes = [];
    private readonly List<Replica> replicas = [];
    private readonly Dictionary<SpaceId, List<Enrolment>> free = [];
    private readonly IPeerTransport transport;
    private readonly TimeProvider time;
    private readonly EcdsaNodeKey? key;

    /// <param name="transport">What connects them.</param>
    /// <param name="time">Their clock; the system's by default.</param>
    /// <param name="key">The key of all of them, in spaces that are keyed; open ones by default.</param>
    public Mesh(IPeerTransport transport, TimeProvider? time = null, EcdsaNodeKey? key = null)
    {
        (this.transport, this.time, this.key) = (transport, time ?? TimeProvider.System, key);
        Genesis = Space("test", MembersOfEachRole);
    }

    public SpaceGenesis Genesis { get; }

    public static IPEndPoint AnyPort => new(IPAddress.Loopback, 0);

    public static SpaceGenesis Found(string name) => SpaceGenesis.Create(NewId(), name, [], TimeProvider.System);

    /// <summary>Founds a space, keyed if the mesh has a key.</summary>
    public SpaceGenesis Space(string name, int membersOfEachRole = MembersOfAFurtherSpace)
    {
        if (key is null)
            return Found(name);
        ReplicaRole[] roles = [ReplicaRole.Client, ReplicaRole.Server];
        List<Enrolment> members = [.. roles.SelectMany(role => Enumerable.Range(0, membersOfEachRole)
            .Select(_ => new Enrolment(NewId(), key.PublicKey, role)))];
        using EcdsaNodeKey authority = EcdsaSignatures.CreateKey();
        SpaceGenesis genesis = SpaceGenesis.Create(NewId(), name, [], TimeProvider.System, authority, members);
        free.Add(genesis.Space, members);
        return genesis;
    }

    public async Task<Replica> ReplicaAsync(
        SpaceGenesis? genesis = null, ReplicaRole role = ReplicaRole.Client, IBlobStore? blobs = null, BlobPolicy? policy = null,
        bool closesEachRun = false)
    {
        genesis ??= Genesis;
        ReplicaId id = NewId();
        if (free.TryGetValue(genesis.Space, out List<Enrolment>? members))
        {
            Enrolment member = members.First(m => m.Role == role);
            members.Remove(member);
            id = member.Replica;
        }
        var store = new MemoryReplicaStore(new ReplicaIdentity(genesis.Space, id, role)) { Blobs = blobs ?? new MemoryBlobStore() };
        Replica replica = await Replica.OpenAsync(store, new ReplicaOptions
        {
            Time = time,
            Genesis = genesis,
            Key = key,
            Blobs = policy ?? new BlobPolicy(),
            ClosesEachRun = closesEachRun,
        });
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
            Transport = options.Transport ?? transport,
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

    /// <summary>Listens where there is room.</summary>
    public static ValueTask<EndPoint> ListenAsync(PeerNode node) => node.ListenAsync((EndPoint)AnyPort, CancellationToken.None);

    /// <summary>The node's replica of a space.</summary>
    public static Replica Of(PeerNode node, SpaceGenesis space) => node.Replicas.Single(r => r.Space == space.Space);

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
