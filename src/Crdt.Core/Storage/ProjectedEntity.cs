namespace Crdt;

/// <summary>One entity as it stood at a <see cref="ProjectionUpdate"/>'s log position.</summary>
/// <param name="Entity">What a reader sees: the source of the materialised document. Immutable; may be read on any
/// thread.</param>
/// <param name="State">The registers, as bytes that only the replica understands; to be given back by
/// <see cref="IReplicaStore.ReadState"/>. Encoding happens when it is first asked for, on the caller's thread.</param>
/// <param name="Marks">By which of them its key is listed by <see cref="IReplicaStore.MarkedKeys"/>.</param>
public sealed record ProjectedEntity(Entity Entity, Lazy<ReadOnlyMemory<byte>> State, EntityMarks Marks)
{
    /// <summary>Whether nothing of it is left: it is to be forgotten.</summary>
    public bool IsGone => Entity.HasNothing;

    /// <summary>Which entity.</summary>
    public EntityKey Key => Entity.Key;
}
