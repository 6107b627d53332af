using System.Text;

namespace Crdt.Integration.Store;

/// <summary>Makes entities for a projection without a replica.</summary>
internal static class StoredEntities
{
    private static readonly ReplicaTable Replicas = MakeReplicas();

    public static ProjectedEntity Make(
        EntityKey key,
        byte[] state,
        bool exists = true,
        EntityMarks marks = EntityMarks.None,
        params (string Name, Value Value)[] fields)
    {
        var registers = new EntityState(key);
        long sequence = 1;
        Add(registers, FieldPath.Root, Value.From(exists), sequence++);
        foreach ((string name, Value value) in fields)
            Add(registers, FieldPath.Field(name), value, sequence++);
        var entity = new Entity(registers, Replicas, TypePolicies.Default, RefusalTable.Empty.Now);
        return new ProjectedEntity(entity, new Lazy<ReadOnlyMemory<byte>>(state), marks);
    }

    public static ProjectedEntity Make(EntityKey key, string state) =>
        Make(key, Encoding.UTF8.GetBytes(state), fields: ("state", Value.From(state)));

    public static string? Text(ReadOnlyMemory<byte>? state) =>
        state is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : null;

    private static void Add(EntityState registers, FieldPath path, Value value, long sequence) => registers.Apply(
        path,
        0,
        [],
        new SiblingSlot(
            path, new LocalDot(0, sequence, ReplicaRole.Client), HybridTimestamp.FromUnixMs(sequence), value, null),
        ReplicaRole.Client);

    private static ReplicaTable MakeReplicas()
    {
        var table = new ReplicaTable();
        table.GetOrAdd(new ReplicaId(new Guid("0a000000-0000-4000-8000-000000000001")));
        return table;
    }
}
