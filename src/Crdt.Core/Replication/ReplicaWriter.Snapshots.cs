namespace Crdt;

/// <summary>Joining snapshots.</summary>
internal sealed partial class ReplicaWriter
{
    /// <summary>Whether a snapshot that is news may come from its maker, as far as that is known here: whoever was revoked makes
    /// none any more. What was joined before stays.</summary>
    /// <exception cref="ApplyException">It may not.</exception>
    public void CheckMaker(SnapshotManifest manifest, FenceTable fences)
    {
        Enrolment? maker = manifest.Members.FirstOrDefault(m => m.Key == manifest.Maker).Value?.Current.Enrolment;
        if (IsRevoked(manifest.Maker, maker, fences))
        {
            throw new ApplyException(ApplyError.SnapshotRevoked, manifest.Maker, 0,
                $"The snapshot is of {manifest.Maker}, whose key has been revoked");
        }
        if (Trust.Find(manifest.Maker) is { } known && known.Role != manifest.Role)
        {
            throw new ApplyException(ApplyError.SnapshotRole, manifest.Maker, 0,
                $"The snapshot of {manifest.Maker} is made in the role {manifest.Role}, and its maker is enrolled as {known.Role}");
        }
    }

    /// <summary>The snapshot to give in the place of another: where its maker has been revoked since, one that includes it and
    /// will be believed, if there is one.</summary>
    public Snapshot Trusted(Snapshot snapshot) => MayBeBelieved(snapshot) ? snapshot
        : Snapshots.Held.FirstOrDefault(s => s.Vector.Covers(snapshot.Vector) && MayBeBelieved(s) && !IsBeyondFence(s)) ?? snapshot;

    /// <summary>Whether its maker has not been revoked.</summary>
    public bool MayBeBelieved(Snapshot snapshot) =>
        !IsRevoked(snapshot.Maker, Trust.Find(snapshot.Maker), Fences.Table);

    /// <summary>A key is revoked with any of the ids that it was enrolled for.</summary>
    private bool IsRevoked(ReplicaId maker, Enrolment? enrolment, FenceTable fences) => fences.Revoked.Contains(maker)
        || (enrolment is not null && Trust.IsRevoked(enrolment, fences));

    /// <summary>Whether a snapshot is of the logs that count, and that are held. On the writer's turn.</summary>
    /// <exception cref="ApplyException">It is not; it names whose log differs.</exception>
    public void CheckBranches(SnapshotManifest manifest)
    {
        foreach (SnapshotHead head in manifest.Heads)
        {
            if (inForce.Of(head.Author) is not { } fence || head.Sequence < fence.Sequence
                || (head.Sequence == fence.Sequence && head.Hash.SequenceEqual(fence.Head.Hash.Span))) continue;
            throw new ApplyException(ApplyError.Fenced, head.Author, head.Sequence,
                $"The snapshot of {manifest.Maker} includes what a fence has cut off from the log of {head.Author}");
        }
        Snapshots.CheckHeads(manifest);
    }

    /// <summary>Whether a snapshot includes what a fence has cut off: nobody joins it any more.</summary>
    public bool IsBeyondFence(Snapshot snapshot) => snapshot.Vector.Any(d => Fences.Table.IsBeyond(d.Replica, d.Sequence));

    /// <summary>Joins a snapshot whose chunks are in the log: all of it, or nothing.</summary>
    public void PrepareJoin(SnapshotManifest manifest)
    {
        CheckBranches(manifest);
        CheckMaker(manifest, inForce);
        CloseOwnRun();
        UnitMark mark = Mark();
        try
        {
            Snapshots.PrepareJoin(manifest);
            NoteJoinedFences();
            DropNamed();
        }
        catch
        {
            Revert(mark);
            throw;
        }
    }
}
