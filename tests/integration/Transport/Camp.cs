using System.Net;
using System.Security.Cryptography;
using Crdt.Transport;
using Crdt.Transport.Pairing;

namespace Crdt.Integration.Transport;

/// <summary>Devices with keys of their own in a keyed space, on TLS: an office that enrols, and who comes later.</summary>
internal sealed class Camp : IAsyncDisposable
{
    private readonly EcdsaNodeKey authority = EcdsaSignatures.CreateKey();
    private readonly EcdsaNodeKey officeKey = EcdsaSignatures.CreateKey();
    private readonly EcdsaNodeKey branchKey = EcdsaSignatures.CreateKey();
    private readonly Enrolment officeIs, branchIs;
    private readonly List<Device> devices = [];

    public Camp()
    {
        officeIs = new Enrolment(NewId(), officeKey.PublicKey, ReplicaRole.Server);
        branchIs = new Enrolment(NewId(), branchKey.PublicKey, ReplicaRole.Server);
        Genesis = SpaceGenesis.Create(
            NewId(), "camp", [], TimeProvider.System, authority, [officeIs, branchIs]);
    }

    public SpaceGenesis Genesis { get; }

    public NodeKey Authority => authority;

    public static ReplicaId NewId() => ReplicaId.FromRandom(RandomNumberGenerator.GetBytes(16));

    public Task<Device> OfficeAsync(PeerNodeOptions? options = null) => OpenAsync(officeIs, officeKey, options);

    /// <summary>The office with a desk where devices are let in.</summary>
    public async Task<(Device Office, PairingDesk Desk)> OfficeWithDeskAsync(
        IPairingBook book, TimeProvider? time = null, PeerNodeOptions? options = null)
    {
        PairingDesk? desk = null;
        Device office = await OpenAsync(officeIs, officeKey, options,
            replica => desk = new PairingDesk(replica, Genesis, authority, book, time));
        return (office, desk!);
    }

    /// <summary>The replica of a device that was let in, and its node.</summary>
    public Task<Device> BeginAsync(PairingGrant grant, EcdsaNodeKey key) => OpenAsync(grant.Enrolment, key, null);

    /// <summary>Another server, enrolled from the beginning.</summary>
    public Task<Device> BranchAsync(PeerNodeOptions? options = null) => OpenAsync(branchIs, branchKey, options);

    /// <summary>A device that a server has enrolled; it knows the founding and nothing else yet.</summary>
    public async Task<Device> EnrolAsync(Device server, PeerNodeOptions? options = null)
    {
        EcdsaNodeKey key = EcdsaSignatures.CreateKey();
        Enrolment enrolment = Certify(key);
        await server.Replica.EnrolAsync(enrolment);
        return await OpenAsync(enrolment, key, options);
    }

    /// <summary>A certificate of the authority.</summary>
    public Enrolment Certify(EcdsaNodeKey key, ReplicaRole role = ReplicaRole.Client) =>
        Enrolment.Issue(authority, Genesis.Space, NewId(), key.PublicKey, role);

    /// <summary>Somebody who knows the founding and is not enrolled.</summary>
    public Task<Device> StrangerAsync()
    {
        EcdsaNodeKey key = EcdsaSignatures.CreateKey();
        return OpenAsync(new Enrolment(NewId(), key.PublicKey, ReplicaRole.Client), key, null);
    }

    public async Task<Device> OpenAsync(Enrolment enrolled, EcdsaNodeKey key, PeerNodeOptions? options,
        Func<Replica, PairingDesk>? desk = null)
    {
        var store = new MemoryReplicaStore(new ReplicaIdentity(Genesis.Space, enrolled.Replica, enrolled.Role));
        Replica replica = await Replica.OpenAsync(
            store, new ReplicaOptions { Time = TimeProvider.System, Genesis = Genesis, Key = key });
        options = (options ?? new PeerNodeOptions()) with { Pairing = desk?.Invoke(replica) };
        var node = new PeerNode(options.Transport is null ? options with { Key = key } : options);
        node.Add(replica);
        var device = new Device(key, replica, node, await node.ListenAsync(new IPEndPoint(IPAddress.Loopback, 0)));
        devices.Add(device);
        return device;
    }

    /// <summary>One dials the other, until both hold the same.</summary>
    public static async Task<PeerConnection> MeetAsync(Device dialler, Device other)
    {
        PeerConnection connection = await dialler.Node.ConnectAsync(other.Address).AsTask().WaitAsync(Mesh.Deadline);
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        return connection;
    }

    /// <summary>The same, and the connection is closed.</summary>
    public static async Task VisitAsync(Device dialler, Device other) => await (await MeetAsync(dialler, other)).CloseAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (Device device in devices)
            await device.Node.DisposeAsync().AsTask().WaitAsync(Mesh.Deadline);
        foreach (Device device in devices)
            await device.Replica.DisposeAsync();
        foreach (Device device in devices)
            device.Key.Dispose();
        authority.Dispose();
        officeKey.Dispose();
        branchKey.Dispose();
    }

    internal sealed record Device(EcdsaNodeKey Key, Replica Replica, PeerNode Node, IPEndPoint Address);
}
