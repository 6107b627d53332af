namespace Crdt;

/// <summary>What a store takes into its projection, in one transaction: the entities that changed since the last
/// update, and the replica's bookkeeping, both as of one position of the log.</summary>
/// <param name="UpTo">Everything in the log before this position is included, nothing after it.</param>
/// <param name="Checkpoint">The replica's bookkeeping (vector, chain heads, clock, digest), opaque to the store.</param>
/// <param name="Entities">The entities that changed, each once, in order of their keys.</param>
public sealed record ProjectionUpdate(
    LogPosition UpTo, ReadOnlyMemory<byte> Checkpoint, IReadOnlyList<ProjectedEntity> Entities)
{
    /// <summary>Zones of the log that follow those taken before, in order. To be enumerated once, during the update, on the
    /// thread of the store's own: that reads the log.</summary>
    public IEnumerable<LogZone> Zones { get; init; } = [];

    /// <summary>Zones that end at or before it are to be forgotten: what they were about was dropped.</summary>
    public LogPosition ZonesFrom { get; init; }
}
