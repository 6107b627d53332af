namespace Crdt;

/// <summary>Joining snapshots.</summary>
internal sealed partial class ReplicaWriter
{
    /// <summary>Joins a snapshot whose chunks are in the log: all of it, or nothing.</summary>
    public void PrepareJoin(SnapshotManifest manifest)
    {
        CloseOwnRun();
        UnitMark mark = Mark();
        try
        {
            Snapshots.PrepareJoin(manifest);
        }
        catch
        {
            Revert(mark);
            throw;
        }
    }
}
