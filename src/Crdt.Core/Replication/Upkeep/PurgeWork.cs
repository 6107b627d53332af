namespace Crdt;

/// <summary>Dropping deleted entities that everybody has seen deleted.</summary>
internal sealed class PurgeWork(IReadOnlyList<EntityKey> keys) : WorkItem
{
    public int Purged { get; private set; }

    public int TooLarge { get; private set; }

    public override void Prepare(ReplicaWriter writer) => (Purged, TooLarge) = writer.PreparePurge(keys);
}
