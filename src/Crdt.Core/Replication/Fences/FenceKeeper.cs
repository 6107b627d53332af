namespace Crdt;

/// <summary>What a replica knows of fences, and whether what it holds agrees with them. Owned by the single writer;
/// readers see what was published last.</summary>
internal sealed class FenceKeeper
{
    private static readonly IReadOnlyDictionary<ReplicaId, Parting> NoPartings = new Dictionary<ReplicaId, Parting>();

    private readonly IReplicaStore store;
    private readonly AuthorTable authors;
    private readonly Dictionary<EntityKey, Fence[]> stated = [];
    private readonly List<Fence> heard = [];
    private readonly Dictionary<(ReplicaId, ulong), SetAsideRun> asides = [];
    private readonly Dictionary<ReplicaId, Parting> partings;
    private FenceTable expected;
    private View view;
    private ReplicaId[] formerIds = [];

    /// <param name="store">Where the log is.</param>
    /// <param name="authors">What was applied.</param>
    /// <param name="before">What the log is known to state further on: already in force while it is applied again.</param>
    public FenceKeeper(IReplicaStore store, AuthorTable authors, FenceKeeper? before)
    {
        (this.store, this.authors, expected) = (store, authors, before?.Table ?? FenceTable.Empty);
        partings = before is null ? [] : new Dictionary<ReplicaId, Parting>(before.partings);
        view = new View(expected, before?.view.OffBranch.Where(a => !partings.ContainsKey(a)).ToHashSet() ?? [], [], partings);
    }

    /// <param name="Table">The fences.</param>
    /// <param name="OffBranch">Fenced authors of whom this replica holds another branch.</param>
    /// <param name="Asides">What was cut off, in order of authors.</param>
    /// <param name="Partings">What was given up of other logs.</param>
    private sealed record View(
        FenceTable Table, HashSet<ReplicaId> OffBranch, SetAsideRun[] Asides, IReadOnlyDictionary<ReplicaId, Parting> Partings);

    /// <summary>The fences.</summary>
    public FenceTable Table => Volatile.Read(ref view).Table;

    /// <summary>Runs that were cut off, by author and sequence.</summary>
    public IReadOnlyList<SetAsideRun> Asides => Volatile.Read(ref view).Asides;

    /// <summary>Up to where the state stands on a snapshot that includes an author: no fence takes effect below that here.</summary>
    public Func<ReplicaId, long> Floor { get; set; } = static _ => 0;

    /// <summary>The chain's hash at a head of an author that a snapshot here includes; <see langword="null"/> for any other.</summary>
    public Func<ReplicaId, long, byte[]?> SnapshotHead { get; set; } = static (_, _) => null;

    /// <summary>Whether the state holds what a fence has cut off, or lacks what one no longer does.</summary>
    public bool MustRebuild { get; private set; }

    /// <summary>Whether the replica's own id was found to be in use elsewhere.</summary>
    public bool IsIdInUse { get; set; }

    /// <summary>Whether this replica holds a branch of the author that its fence leads past: only a fence at what both
    /// branches have in common helps.</summary>
    public bool IsOffBranch(ReplicaId author) => Volatile.Read(ref view).OffBranch.Contains(author);

    /// <summary>Whether an entry of the log means nothing.</summary>
    public bool IsVoid(in LogEntry entry) => entry.Kind is LogEntryKind.Batch or LogEntryKind.Head
        && (IsVoid(entry.Author, entry.LastSequence) || IsGivenUp(entry));

    private bool IsGivenUp(in LogEntry entry)
    {
        IReadOnlyDictionary<ReplicaId, Parting> given = Volatile.Read(ref view).Partings;
        return given.Count > 0 && given.TryGetValue(entry.Author, out Parting? parting) && parting.Includes(entry);
    }

    /// <summary>Whether some author's log was given up here, because another one counts.</summary>
    public bool HasPartings => partings.Count > 0;

    /// <summary>Whether a mutation may be named that was given up: what names it was written upon the other log.</summary>
    public bool IsBehindParting(ReplicaId author, long sequence) =>
        partings.Count > 0 && partings.TryGetValue(author, out Parting? parting) && sequence > parting.Common;

    /// <summary>What was given up, in order of authors, as published.</summary>
    public IReadOnlyList<Parting> Partings =>
        Volatile.Read(ref view).Partings is { Count: > 0 } given ? [.. given.Values.OrderBy(p => p.Author)] : [];

    /// <summary>Takes over what was given up, once it is in the log.</summary>
    public void Part(Parting parting)
    {
        if (partings.TryGetValue(parting.Author, out Parting? known))
        {
            if (known.Common <= parting.Common && parting.Entries.All(known.Entries.Contains)) return;
            parting = known.With(parting);
        }
        partings[parting.Author] = parting;
        MustRebuild = true;
    }

    /// <summary>Takes over what a checkpoint tells of what was given up: the state was built without it.</summary>
    public void Restore(Parting parting) => partings[parting.Author] = parting;

    /// <summary>Whether of some author another log is held than the one that counts.</summary>
    public bool HasOffBranch => Volatile.Read(ref view).OffBranch.Count > 0;

    /// <summary>Whether a mutation in the log means nothing.</summary>
    public bool IsVoid(ReplicaId author, long sequence)
    {
        View now = Volatile.Read(ref view);
        return now.Table.IsBeyond(author, sequence) && !now.OffBranch.Contains(author);
    }

    public bool HasAside(ReplicaId author, ulong id) => asides.ContainsKey((author, id));

    /// <summary>Bytes of an author's runs that are kept aside.</summary>
    public long AsideLengthBytes(ReplicaId author) => asides.Values.Sum(a => a.Author == author ? a.LengthBytes : 0);

    /// <summary>Takes over what an entity of the space's own data says.</summary>
    public void Note(EntityState fence) => stated[fence.Key] = [.. FenceEntity.Read(fence, authors.Ids)];

    /// <summary>Takes over what was told, once it is in the log.</summary>
    public void Hear(Fence fence) => heard.Add(fence);

    /// <summary>Takes over what was set aside, once it is in the log.</summary>
    public void Keep(SetAsideRun run) => asides[(run.Author, run.Id)] = run;

    /// <summary>The fences that were told, for the checkpoint.</summary>
    public IReadOnlyList<Fence> Heard => heard;

    /// <summary>The ids under which the replica wrote before, the oldest first.</summary>
    public IReadOnlyList<ReplicaId> FormerIds => Volatile.Read(ref formerIds);

    /// <summary>Takes note that the replica gave up an id.</summary>
    public void Succeed(ReplicaId former) => Volatile.Write(ref formerIds, [.. formerIds, former]);

    /// <summary>From here on only what was read counts.</summary>
    public void EndReplay()
    {
        expected = FenceTable.Empty;
        Update();
    }

    /// <summary>Makes what is known now the fences in force.</summary>
    public void Update()
    {
        FenceTable before = Table;
        // What the mutation itself says comes first: a carrier can change the reason on the way, but for a revocation's.
        FenceTable now = FenceTable.From(stated.Values.SelectMany(static f => f).Concat(expected.Known).Concat(heard));
        var off = new HashSet<ReplicaId>();
        foreach (Fence fence in now.Standing)
        {
            Fence? old = before.Of(fence.Replica);
            if (old is not null && old.HasPlaceOf(fence))
            {
                if (IsOffBranch(fence.Replica)) off.Add(fence.Replica);
            }
            else Judge(fence, old, off);
        }
        foreach (Fence old in before.Standing)
        {
            if (now.Of(old.Replica) is null && HoldsBeyond(old)) MustRebuild = true;
        }
        SetAsideRun[] kept = [.. asides.Values.OrderBy(a => a.Author).ThenBy(a => a.FirstSequence).ThenBy(a => a.Id)];
        Volatile.Write(ref view, new View(now, off, kept, partings.Count == 0 ? NoPartings : new Dictionary<ReplicaId, Parting>(partings)));
    }

    private void Judge(Fence fence, Fence? old, HashSet<ReplicaId> off)
    {
        if (authors.AppliedOf(fence.Replica) >= fence.Sequence && (Floor(fence.Replica) > fence.Sequence || !IsOnBranch(fence)))
        {
            off.Add(fence.Replica);
            return;
        }
        MustRebuild |= authors.AppliedOf(fence.Replica) > fence.Sequence
            || (old is not null && old.Sequence < fence.Sequence && HoldsBeyond(old));
    }

    private bool HoldsBeyond(Fence fence) => store.FindStart(fence.Replica, fence.Sequence + 1) < store.LogEnd;

    private bool IsOnBranch(Fence fence)
    {
        ReadOnlySpan<byte> hash = fence.Head.Hash.Span;
        if (fence.Sequence == 0) return hash.SequenceEqual(AuthorTable.ChainStart(fence.Replica));
        AuthorTable.AuthorState state = authors[authors.IndexOf(fence.Replica)];
        if (state.HeadSequence == fence.Sequence) return hash.SequenceEqual(state.Head);
        if (SnapshotHead(fence.Replica, fence.Sequence) is { } included) return hash.SequenceEqual(included);
        // A copy may have closed its run elsewhere, and so have no head there: then its batches tell.
        return LeadsTo(store.FindStart(fence.Replica, fence.Sequence)) ?? LeadsTo(store.LogStart) ?? false;

        bool? LeadsTo(LogPosition from)
        {
            byte[]? reached = from == default(LogPosition) ? AuthorTable.ChainStart(fence.Replica) : null;
            long at = reached is null ? -1 : 0;
            foreach (LogEntry entry in store.ReadLog(from).Select(static l => l.Entry))
            {
                if (entry.Author != fence.Replica || entry.Kind is not (LogEntryKind.Batch or LogEntryKind.Head)) continue;
                // Behind a snapshot the chain goes on from that one's head.
                if (entry.Kind == LogEntryKind.Batch && entry.FirstSequence - 1 != at)
                {
                    reached = entry.FirstSequence == 1
                        ? AuthorTable.ChainStart(fence.Replica) : SnapshotHead(fence.Replica, entry.FirstSequence - 1);
                }
                at = entry.LastSequence;
                if (entry.Kind == LogEntryKind.Head) reached = entry.Payload[..AuthorTable.HashLengthBytes].ToArray();
                else if (reached is not null) reached = AuthorTable.ChainNext(reached, entry.Payload.Span);
                if (entry.LastSequence == fence.Sequence && reached is not null) return reached.AsSpan().SequenceEqual(fence.Head.Hash.Span);
                if (entry.LastSequence > fence.Sequence) return entry.FirstSequence <= fence.Sequence ? false : null;
            }
            return null;
        }
    }
}
