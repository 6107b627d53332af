using Crdt.Server.Hosting;

namespace Crdt.Server.GraphQL.Types;

/// <summary>Who takes part: replicas by their enrolments, or where nobody is enrolled by what they wrote; and thin clients.</summary>
internal static class Devices
{
    public static IEnumerable<DeviceView> All(ServerSpace space)
    {
        Replica replica = space.Replica;
        IEnumerable<ReplicaId> replicas = replica.IsKeyed
            ? replica.Enrolments.Where(e => e.Role != ReplicaRole.Authority).Select(e => e.Replica)
            : replica.Vector.Select(d => d.Replica).Append(replica.Id).Distinct();
        foreach (ReplicaId id in replicas) yield return new DeviceView(space, id.Value, DeviceKind.Replica);
        foreach (EntityKey key in replica.Keys(EntityKey.SpaceDomain, ThinDevices.EntityType))
        {
            if (Guid.TryParseExact(key.Id, "D", out Guid thin) && replica.Get(key) is not null) yield return new DeviceView(space, thin, DeviceKind.Thin);
        }
    }

    public static DeviceView? Find(ServerSpace space, Guid id) =>
        space.Replica.Get(ThinDevices.KeyOf(id)) is not null ? new DeviceView(space, id, DeviceKind.Thin)
        : space.Replica.Enrolments.Any(e => e.Replica.Value == id) || space.Replica.Vector[new ReplicaId(id)] > 0 || space.Replica.Id.Value == id
            ? new DeviceView(space, id, DeviceKind.Replica) : null;
}
