namespace Crdt;

/// <content>Giving up another log of somebody than the one that counts: the state begins anew with what both have in common,
/// and goes on with a snapshot, or with the log, of whoever holds the other.</content>
internal sealed partial class ReplicaWriter
{
    // What was written upon the log that was given up names its dots. They stand for mutations of the log that counts as soon
    // as those are here, as they do for everybody else: each is dropped where it is named.
    private readonly List<(EntityKey Key, FieldPath Path, LocalDot Dot)> named = [];

    /// <summary>Whether the log that counts has not arrived yet, of which is known what it will not leave: that is told by the
    /// log alone.</summary>
    private bool AwaitsNamed => named.Exists(n => Authors[n.Dot.Author].Applied < n.Dot.Sequence);

    /// <summary>Gives up the logs that a snapshot contradicts, where fences end the authors' logs at its heads.</summary>
    /// <returns>Whether there was any.</returns>
    public bool PreparePartings(SnapshotManifest manifest)
    {
        CloseOwnRun();
        bool isAny = false;
        foreach (SnapshotHead head in Snapshots.HeadsOfOther(manifest).ToList())
        {
            if (inForce.Of(head.Author) is not { } fence || fence.Sequence != head.Sequence
                || !head.Hash.SequenceEqual(fence.Head.Hash.Span) || PartingAt(head) is not { } parting) continue;
            AddEntry(parting.ToEntry());
            partingsNow.Add(parting);
            isAny = true;
        }
        return isAny;
    }

    /// <summary>Where the own log of an author parts from the one that leads to a head; nowhere when that is not told, or a
    /// snapshot that the state stands on goes beyond.</summary>
    private Parting? PartingAt(SnapshotHead head)
    {
        byte[] hash = AuthorTable.ChainStart(head.Author);
        long common = 0, reached = 0, floor = FloorOf(head.Author);
        bool isApart = false;
        var given = new HashSet<ulong>();
        foreach (LogEntry entry in store.ReadLog(default).Select(static l => l.Entry).Concat(entries))
        {
            if (entry.Kind == LogEntryKind.Snapshot && Snapshots.Held.FirstOrDefault(s => s.Number == entry.LastSequence) is { } held
                && held.Vector[head.Author] > reached)
            {
                SnapshotHead included = Snapshots.ReadManifest(held).Heads.First(h => h.Author == head.Author);
                if (isApart || head.Tells(included.Sequence, included.Hash) is not true) return null;
                (hash, reached, common) = (included.Hash.ToArray(), included.Sequence, included.Sequence);
            }
            if (entry.Author != head.Author || entry.Kind is not (LogEntryKind.Batch or LogEntryKind.Head) || Fences.IsVoid(entry)
                || (entry.LastSequence <= reached && entry.Kind == LogEntryKind.Batch)) continue;
            if (entry.Kind == LogEntryKind.Batch)
            {
                if (entry.FirstSequence != reached + 1) return null;
                (hash, reached) = (AuthorTable.ChainNext(hash, entry.Payload.Span), entry.LastSequence);
                if (!isApart)
                {
                    if ((reached > head.Sequence ? false : head.Tells(reached, hash)) is not { } isSame) return null;
                    isApart = !isSame;
                    if (isSame) common = reached;
                }
            }
            if (entry.LastSequence > common) given.Add(Parting.IdOf(entry));
        }
        return isApart && common >= floor ? new Parting(head.Author, common, given) : null;
    }

    private void NoteNamed(int author, long first, ReadOnlySpan<int> others)
    {
        for (int m = 0; m < foreign.MutationCount; m++)
        {
            for (int c = foreign.ChangeStart(m); c < foreign.Mutations[m].ChangeEnd; c++)
            {
                for (int d = foreign.DotStart(c); d < foreign.Changes[c].DotEnd; d++)
                {
                    if (foreign.DotReplica[d] == BatchColumns.Self) continue;
                    var dot = new LocalDot(others[foreign.DotReplica[d] - 1], foreign.DotSequence[d], default);
                    if (dot.Sequence > Authors[dot.Author].Applied && Fences.IsBehindParting(Authors.Ids[dot.Author], dot.Sequence))
                        named.Add((foreign.Entities[foreign.Mutations[m].Entity], foreign.PathOf(foreign.Changes[c]), dot));
                }
            }
        }
    }

    /// <summary>Drops what was named before it arrived.</summary>
    private void DropNamed()
    {
        foreach (int author in named.Select(static n => n.Dot.Author).Distinct()) DropNamed(author, Authors[author].Applied);
    }

    private void DropNamed(int author, long upTo)
    {
        foreach ((EntityKey key, FieldPath path, LocalDot dot) in named)
        {
            if (dot.Author != author || dot.Sequence > upTo) continue;
            EntitySlot slot = Cache.GetOrLoad(key);
            foreach (ref readonly SiblingSlot held in slot.Current.At(path))
            {
                if (held.Dot.Identity != dot.Identity) continue;
                Cache.ToWorking(slot, 0).Apply(path, -1, [dot.Identity], null, ReplicaRole.Server);
                break;
            }
        }
    }
}
