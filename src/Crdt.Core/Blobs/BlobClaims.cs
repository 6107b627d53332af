namespace Crdt;

/// <summary>What servers say they hold of the content of blobs: mutations of theirs in the space's own data. So that is signed,
/// reaches everybody by whichever way, and stays true until its server takes it back.</summary>
internal static class BlobClaims
{
    public const string EntityType = "blob";

    public static readonly FieldPath Held = FieldPath.Field("held");

    /// <summary>The entity of a blob.</summary>
    public static EntityKey KeyOf(BlobHash root) => EntityKey.CreateTrusted(EntityKey.SpaceDomain, EntityType, root.ToString());

    /// <summary>Who claims to hold it, as each has written itself, in the server role.</summary>
    public static IEnumerable<ReplicaId> Read(EntityState? state, ReplicaTable replicas)
    {
        if (state is null) return [];
        var servers = new SortedSet<ReplicaId>();
        foreach (ref readonly SiblingSlot slot in state.Slots)
        {
            if (slot.Path.Kind != PathKind.Element || !slot.Path.Parent.Equals(Held) || slot.Dot.Role == ReplicaRole.Client || slot.IsRefused) continue;
            Dot dot = replicas.Resolve(slot.Dot);
            if (slot.Path.Name == dot.Replica.ToString()) servers.Add(dot.Replica);
        }
        return servers;
    }
}
