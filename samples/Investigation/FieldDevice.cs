using Crdt;
using Crdt.Store;
using Crdt.Transport;
using Investigation.Domain;

namespace Investigation;

/// <summary>A device with a replica of its own on disk: its user works with it wherever there is no network.</summary>
internal sealed class FieldDevice : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly EcdsaNodeKey key;
    private readonly PeerNode node;

    private FieldDevice(string name, Person user, EcdsaNodeKey key, Replica replica)
    {
        (Name, this.key, Replica, Cases) = (name, key, replica, new CaseBook(replica, user.Name));
        node = new PeerNode(new PeerNodeOptions { NodeId = replica.Id.Value, Key = key, AccessToken = _ => ValueTask.FromResult<string?>(user.Token) });
        node.Add(replica);
    }

    public string Name { get; }

    public Replica Replica { get; }

    public CaseBook Cases { get; }

    /// <summary>Makes a device, and has it enrolled by its public key: its private one never leaves it.</summary>
    /// <param name="directory">Where its files will be.</param>
    /// <param name="name">For people.</param>
    /// <param name="user">Who uses it.</param>
    /// <param name="administrator">Lets it in.</param>
    /// <param name="founding">The space's founding, by which it knows the space's members.</param>
    public static async Task<FieldDevice> EnrolAsync(string directory, string name, Person user, Person administrator, SpaceGenesis founding)
    {
        var id = new ReplicaId(Guid.NewGuid());
        EcdsaNodeKey key = NodeKeyFile.Create(NodeKeyFile.PathIn(directory));
        await administrator.AskAsync("mutation($d: DeviceInput!) { registerDevice(device: $d) { state } }",
            new { d = new { id = id.Value, owner = name, public_key = Convert.ToBase64String(key.PublicKey.Span) } });
        FileReplicaStore store = FileReplicaStore.Create(directory, new ReplicaIdentity(founding.Space, id, ReplicaRole.Client));
        Replica replica = await Replica.OpenAsync(store, new ReplicaOptions
        {
            Time = TimeProvider.System,
            Key = key,
            Genesis = founding,
            NewReplicaId = static () => new ReplicaId(Guid.NewGuid()),
            ReleaseRecord = new FileReleaseRecord(directory + ".released"),
        });
        return new FieldDevice(name, user, key, replica);
    }

    /// <summary>Comes into reach of the office for as long as both need to hold the same.</summary>
    public async Task<SyncProgress> MeetAsync(Office office)
    {
        PeerConnection connection = await node.ConnectAsync(office.Peers).AsTask().WaitAsync(Patience);
        await connection.WaitForSyncAsync().WaitAsync(Patience);
        SyncProgress done = connection.GetProgress(Replica.Space)!;
        await connection.CloseAsync();
        return done;
    }

    public async ValueTask DisposeAsync()
    {
        await node.DisposeAsync();
        await Replica.DisposeAsync();
        key.Dispose();
    }
}
