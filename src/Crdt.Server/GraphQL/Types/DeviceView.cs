using System.ComponentModel;
using Crdt.Server.Hosting;
using Crdt.Transport.Security;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Device")]
[Description("Somebody who takes part in the space.")]
internal sealed class DeviceView(ServerSpace space, Guid id, DeviceKind kind)
{
    private readonly ReplicaId replica = new(id);
    private readonly Enrolment? enrolment = kind == DeviceKind.Replica ? space.Replica.Enrolments.FirstOrDefault(e => e.Replica.Value == id) : null;
    private readonly Entity? entry = kind == DeviceKind.Thin ? space.Replica.Get(ThinDevices.KeyOf(id)) : null;

    public Guid Id => id;

    public DeviceKind Kind => kind;

    public ReplicaRole Role => enrolment?.Role ?? (replica == space.Replica.Id ? space.Replica.Role : ReplicaRole.Client);

    [Description("Whose it is.")]
    public string? Owner => enrolment?.Owner ?? entry?.GetString(ThinDevices.OwnerField);

    [Description("A name for people.")]
    public string? Name => entry?.GetString(ThinDevices.NameField);

    [Description("The SHA-256 of its public key.")]
    public string? Fingerprint => enrolment is null ? null : NodeFingerprint.Of(enrolment.PublicKey.Span).ToString();

    public DeviceState State
    {
        get
        {
            if (kind == DeviceKind.Thin) return ThinDevices.StateOf(entry);
            if (enrolment is not null && space.Replica.IsRevoked(enrolment.PublicKey.Span, enrolment)) return DeviceState.Revoked;
            if (space.Replica.Fences.FirstOrDefault(f => f.Replica == replica) is { } fence)
                return fence.Reason == FenceReason.Revoked ? DeviceState.Revoked : DeviceState.Retired;
            return space.Replica.Vector[replica] == 0 && replica != space.Replica.Id ? DeviceState.Invited : DeviceState.Active;
        }
    }

    [Description("Whether it is this server.")]
    public bool IsThisServer => replica == space.Replica.Id;

    [Description("Whether it is connected now.")]
    public bool IsConnected => space.Node?.Connections.Any(c => c.PeerNodeId == id) == true;

    [Description("When it was registered.")]
    public DateTimeOffset? CreatedAt => space.Replica.Get(kind == DeviceKind.Thin ? ThinDevices.KeyOf(id)
        : new EntityKey(EntityKey.SpaceDomain, "enrolment", id.ToString("D")))?.Siblings(FieldPath.Root) is [.., var first] ? first.Timestamp.Time : null;

    [Description("When it was last heard of.")]
    public DateTimeOffset? LastSeenAt => Queue?.LastSeenAt;

    public DeviceQueueView? Queue => Queues.Of(space, id);
}
