using Crdt;
using Crdt.Store;
using Crdt.Transport;

namespace FieldMap;

/// <summary>A device, or the office: a replica on disk and its connections.</summary>
internal sealed class Station : IAsyncDisposable
{
    private readonly EcdsaNodeKey key;

    private Station(Replica replica, EcdsaNodeKey key)
    {
        (Replica, this.key) = (replica, key);
        Node = new PeerNode(new PeerNodeOptions { NodeId = replica.Id.Value, Key = key });
        Node.Add(replica);
    }

    public Replica Replica { get; }

    public PeerNode Node { get; }

    /// <summary>Founds a team of two, the office in the server role, and opens both.</summary>
    public static async Task<(Station Office, Station Tablet)> FoundAsync(string directory)
    {
        EcdsaNodeKey officeKey = EcdsaSignatures.CreateKey(), tabletKey = EcdsaSignatures.CreateKey();
        Enrolment office = new(new ReplicaId(Guid.NewGuid()), officeKey.PublicKey, ReplicaRole.Server),
            tablet = new(new ReplicaId(Guid.NewGuid()), tabletKey.PublicKey, ReplicaRole.Client, owner: "ana");
        using EcdsaNodeKey authority = EcdsaSignatures.CreateKey();
        SpaceGenesis team = SpaceGenesis.Create(new ReplicaId(Guid.NewGuid()), "bird team", [], TimeProvider.System, key: authority, members: [office, tablet]);
        return (await OpenAsync("office", office, officeKey), await OpenAsync("tablet", tablet, tabletKey));

        async Task<Station> OpenAsync(string name, Enrolment member, EcdsaNodeKey key) => new(await Replica.OpenAsync(
            FileReplicaStore.Create(Path.Combine(directory, name), new ReplicaIdentity(team.Space, member.Replica, member.Role)),
            new ReplicaOptions { Time = TimeProvider.System, Genesis = team, Key = key }), key);
    }

    public async ValueTask DisposeAsync()
    {
        await Node.DisposeAsync();
        await Replica.DisposeAsync();
        key.Dispose();
    }
}
