namespace Crdt;

/// <summary>Joining snapshots.</summary>
internal sealed partial class ReplicaWriter
{
    /// <summary>Joins a snapshot whose chunks are in the log: all of it, or nothing.</summary>
    public void PrepareJoin(SnapshotManifest manifest)
    {
        foreach (SnapshotHead head in manifest.Heads)
        {
            if (!inForce.IsBeyond(head.Author, head.Sequence)) continue;
            throw new ApplyException(ApplyError.Fenced, manifest.Maker, 0,
                $"The snapshot of {manifest.Maker} includes what a fence has cut off from the log of {head.Author}");
        }
        CloseOwnRun();
        UnitMark mark = Mark();
        try
        {
            Snapshots.PrepareJoin(manifest);
            NoteJoinedFences();
        }
        catch
        {
            Revert(mark);
            throw;
        }
    }
}
