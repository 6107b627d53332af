namespace Crdt;

/// <summary>What fences ask of the writer: what lies beyond one is covered and means nothing.</summary>
internal sealed partial class ReplicaWriter
{
    // Of one author; what it writes beyond that after it was fenced is its own concern.
    private const long AsideLengthBytesMax = 64L << 20;

    private readonly List<Fence> heardNow = [];
    private readonly List<SetAsideRun> asidesNow = [];
    private readonly List<Parting> partingsNow = [];

    // The fences as the group that is being prepared leaves them: what comes behind one in it is judged by it.
    private FenceTable inForce;
    private bool fencesTouched;
    private (FenceTable? Fences, int Members) revocationsSeen;

    /// <summary>The fences, and what they have cut off.</summary>
    public FenceKeeper Fences { get; }

    /// <summary>Begins the state anew; on the writer's turn, behind a group.</summary>
    public Func<ReplicaWriter, ValueTask>? Rebuild { get; set; }

    /// <summary>Whether this writer has to be replaced by one that begins anew from the log.</summary>
    public bool MustRebuild => Fences.MustRebuild || MustTakeNewId;

    /// <summary>Whether the replica has to go on, and can go on, under another id.</summary>
    public bool MustTakeNewId => options.NewReplicaId is not null && (Fences.IsIdInUse || OwnFence is not null);

    /// <summary>The fence of the replica's own id, if there is one.</summary>
    public Fence? OwnFence => Fences.Table.Of(Identity.Replica);

    /// <summary>From now on this writer does the queue's work.</summary>
    public void TakeOver() => queue.Process = ProcessAsync;

    /// <summary>The queue's work is done by a new writer; what this one shows stays as it is.</summary>
    public WorkQueue Queue => queue;

    public ReplicaSignals Signals => signals;

    /// <summary>Keeps what the log does not tell: the clock goes on, also under another id.</summary>
    public void Inherit(ReplicaWriter before)
    {
        Clock.Restore(before.Clock.Last);
        Clock.OffsetMs = before.Clock.OffsetMs;
        foreach (Acknowledgement statement in before.Acknowledgements.Newest())
        {
            if (Acknowledgements.NewsOf(statement) is { } news) Acknowledgements.Merge(news);
        }
    }

    /// <summary>Appends entries beside any group, on the writer's turn.</summary>
    public async ValueTask AppendAsync(IEnumerable<LogEntry> more)
    {
        foreach (LogEntry entry in more) AddEntry(entry);
        if (entries.Count == 0) return;
        EndAppend(await AppendEntries(isDurable: true).ConfigureAwait(false));
        Array.Clear(appended, 0, entries.Count);
        entries.Clear();
        entriesLengthBytes = 0;
    }

    /// <summary>Completes when no update of the projection is under way in the store.</summary>
    public Task ProjectionStored => projector.Stored;

    /// <exception cref="MutationException">The replica must not write.</exception>
    private void CheckMayWrite(EntityKey key)
    {
        if (!Authors.HasApplied)
        {
            throw new MutationException(MutationError.NotJoined, key, FieldPath.Root,
                "The replica has not met its space yet: open it with the space's founding, or let it meet a peer first.");
        }
        if (IsOwnKeyRevoked)
        {
            throw new MutationException(MutationError.KeyRevoked, key, FieldPath.Root,
                $"The key of replica {Identity.Replica} has been revoked: it writes no more, under whatever id, until it is enrolled with another one.");
        }
        if (Fences.IsIdInUse)
        {
            throw new MutationException(MutationError.IdInUse, key, FieldPath.Root,
                $"Replica id {Identity.Replica} is in use elsewhere, too: it writes no more until it has a new one.");
        }
        if (OwnFence is { } fence)
        {
            throw new MutationException(MutationError.Fenced, key, FieldPath.Root,
                $"The log of replica {Identity.Replica} ends at sequence {fence.Sequence} ({fence.Reason}): it writes no "
                + "more until it has a new id.");
        }
    }

    /// <summary>Writes a fence; of a key that is revoked one for each of its ids that are known.</summary>
    /// <param name="replica">Whose log ends.</param>
    /// <param name="reason">Why.</param>
    /// <param name="at">Where; at the head that is held when <see langword="null"/>.</param>
    /// <returns>Nothing when all that is said already.</returns>
    public CommitResult PrepareFence(ReplicaId replica, FenceReason reason, ChainHead? at)
    {
        EntityKey key = FenceEntity.KeyOf(replica);
        CheckMayWrite(key);
        if (Identity.Role == ReplicaRole.Client)
        {
            throw new MutationException(MutationError.RoleRequired, key, FieldPath.Root,
                "Only a replica in the server role, or the authority, ends the log of another.");
        }
        ReplicaId[] ids = reason == FenceReason.Revoked ? Trust.IdsOfSameKey(replica) : [replica];
        if (ids.Contains(Identity.Replica) || (reason == FenceReason.Revoked && Trust.IsOfOwnKey(replica)))
            throw new ArgumentException($"{replica} has the key of this replica itself: another one says that it is revoked.", nameof(replica));
        UnitMark mark = Mark();
        try
        {
            int made = 0;
            foreach (ReplicaId id in ids)
            {
                if (PlaceOfFence(id, reason, at) is not { } head) continue;
                WriteFence(head, reason);
                made++;
            }
            if (made == 0) return default;
            own.Mutations[own.MutationCount - 1].EndsTransaction = true;
            NoteFences(own);
            return new CommitResult(Identity.Replica, Own.Applied + own.MutationCount - made + 1, made);
        }
        catch
        {
            Revert(mark);
            throw;
        }
    }

    private void WriteFence(in ChainHead head, FenceReason reason)
    {
        EntityKey key = FenceEntity.KeyOf(head.Author);
        BeginToWrite(key);
        ref BatchColumns.MutationRow row = ref own.AddMutation();
        (row.Kind, row.Timestamp) = (MutationKind.Fence, Clock.Tick());
        row.Entity = own.Entities.GetOrAdd(key);
        ref BatchColumns.ChangeRow change = ref own.AddChange(own.Paths.GetOrAdd(FenceEntity.PathOf(head)));
        (change.HasValue, change.Value) = (true, FenceEntity.ValueOf(reason, Trust.SignFence(
            new Fence(head, reason, new Dot(Identity.Replica, Own.Applied + own.MutationCount)))));
        ApplyOwn(own.MutationCount - 1);
    }

    /// <summary>Where a fence is to stand; nowhere when one stands there, or before. Who was retired may be revoked later, in
    /// the same place.</summary>
    private ChainHead? PlaceOfFence(ReplicaId replica, FenceReason reason, ChainHead? at)
    {
        ChainHead head = at ?? HeadOf(replica);
        if (IsNews(replica, head)) return head;
        return reason == FenceReason.Revoked && !inForce.Revoked.Contains(replica) ? inForce.Of(replica)!.Head : null;
    }

    /// <summary>Whether this replica writes nothing more because its key is not trusted any more, under whatever id.</summary>
    private bool IsOwnKeyRevoked =>
        Fences.Table.Revoked.Count > 0 && Trust.Own is { } own && Trust.IsRevoked(own, Fences.Table);

    private bool MayFence(ReplicaId author) =>
        Identity.Role != ReplicaRole.Client && MayWrite && !Trust.IsAwaited(author, inForce);

    /// <summary>After a group, in the server role: a key that was revoked may be known by ids that its revocation did not
    /// name, because they were not known there.</summary>
    private void ResumeRevocations()
    {
        FenceTable fences = Fences.Table;
        if (fences.Revoked.Count == 0 || Identity.Role == ReplicaRole.Client || !Trust.IsKeyed || !MayWrite
            || (ReferenceEquals(revocationsSeen.Fences, fences) && revocationsSeen.Members == Trust.Count)) return;
        revocationsSeen = (fences, Trust.Count);
        foreach (ReplicaId id in Trust.RevokedWithoutFence(fences)) Ask(new FenceWork(id, FenceReason.Revoked, null));
    }

    /// <summary>Whether no fence stands there, or before.</summary>
    private bool IsNews(ReplicaId replica, in ChainHead head) => inForce.Of(replica) is not { } standing
        || Fence.ComparePlaces(standing, new Fence(head, default, default)) > 0;

    private ChainHead HeadOf(ReplicaId replica) => Authors.Ids.TryGetIndex(replica, out int index)
        ? new ChainHead(replica, Authors[index].HeadSequence, Authors[index].Head)
        : new ChainHead(replica, 0, AuthorTable.ChainStart(replica));

    /// <summary>Applies the last mutation of the own columns.</summary>
    private void ApplyOwn(int mutation)
    {
        long sequence = Own.Applied + mutation + 1;
        if (sequence > Dot.SequenceMax) throw new InvalidOperationException("The replica has used up its sequences.");
        EntitySlot slot = Cache.GetOrLoad(own.Entities[own.Mutations[mutation].Entity]);
        EntityState working = Cache.ToWorking(slot, own, mutation);
        ChangeApplier.Apply(working, own, mutation, 0, sequence, OwnOthers(), Authors.Ids);
        ownBound += Bound(own, mutation);
    }

    /// <summary>Takes note of fences that a peer told.</summary>
    public void PrepareHeard(IEnumerable<Fence> fences)
    {
        foreach (Fence fence in fences)
        {
            if (Fences.Table.Known.Concat(heardNow).Any(fence.IsSameAs)) continue;
            AddEntry(new LogEntry(LogEntryKind.Fence, Identity.Replica, 0, 0, FenceCodec.Encode(fence)));
            heardNow.Add(fence);
        }
        inForce = inForce.With(heardNow);
    }

    /// <summary>Keeps a run that lies beyond its author's fence, or that proves a fork until there is one.</summary>
    /// <returns>Whether it was news, and is kept.</returns>
    public bool PrepareAside(BatchRun run, ReadOnlyMemory<byte> before, bool isProven)
    {
        ulong id = AsideCodec.IdOf(run);
        if (!(isProven || Fences.Table.IsBeyond(run.Author, run.LastSequence)) || Fences.HasAside(run.Author, id)
            || asidesNow.Exists(a => a.Author == run.Author && a.Id == id)) return false;
        SetAsideRun aside = Describe(run);
        if (Fences.AsideLengthBytes(run.Author) + aside.LengthBytes > AsideLengthBytesMax) return false;
        AddEntry(AsideEntry(run, before));
        asidesNow.Add(aside);
        return true;
    }

    /// <summary>Writes again what stands before a floor and has to outlive it.</summary>
    public void WriteAgain(in LogEntry entry)
    {
        AddEntry(entry);
        if (entry.Kind == LogEntryKind.Aside) asidesNow.Add(Describe(AsideCodec.Decode(entry).Run));
    }

    public SetAsideRun Describe(BatchRun run) => new(run.Author, run.FirstSequence, run.LastSequence, PublishedEnd)
    {
        Id = AsideCodec.IdOf(run),
        LengthBytes = run.Batches.Sum(b => (long)b.Length),
    };

    public static LogEntry AsideEntry(BatchRun run, ReadOnlyMemory<byte> before) => new(
        LogEntryKind.Aside, run.Author, run.FirstSequence, run.LastSequence, AsideCodec.Encode(run, before));

    /// <summary>Whether a run means nothing here, because its author's fence comes before it.</summary>
    /// <exception cref="ApplyException">It leads past the fence, so it is of another branch.</exception>
    private bool IsBeyondFence(BatchRun run, long applied)
    {
        if (inForce.Of(run.Author) is not { } fence) return false;
        if (applied >= fence.Sequence) return true;
        if (run.LastSequence > fence.Sequence)
        {
            throw Fail(ApplyError.Fenced, run, run.LastSequence,
                $"Its log ends at sequence {fence.Sequence}, and the run leads past that");
        }
        return false;
    }

    /// <summary>Takes the head at an author's fence, where the own log holds what leads there as a part of a longer run.</summary>
    private bool TryTakeHead(BatchRun run)
    {
        if (inForce.Of(run.Author) is not { } fence || run.LastSequence != fence.Sequence || !IsAwaitingHead(fence)
            || !run.Head.Span[..AuthorTable.HashLengthBytes].SequenceEqual(fence.Head.Hash.Span)) return false;
        int author = Authors.IndexOf(run.Author);
        // Where heads are signed the run was verified before, or is now.
        if (Trust.IsKeyed && !run.IsVerified && !Trust.Verify(run).IsVerified) return false;
        AddEntry(new LogEntry(LogEntryKind.Head, run.Author, run.LastSequence, run.LastSequence, run.Head));
        Authors.Advance(author, new AuthorTable.AuthorState(run.LastSequence, run.LastSequence, fence.Head.Hash.ToArray())
        {
            Signature = AuthorTable.SignatureOf(run.Head),
        });
        return true;
    }

    private bool IsAwaitingHead(Fence fence) => Authors.Ids.TryGetIndex(fence.Replica, out int author)
        && Authors[author] is var state && state.Applied == fence.Sequence && state.HeadSequence < fence.Sequence;

    /// <summary>In an open space a head is what leads there, and nobody has to vouch for it: takes the heads at fences that lie
    /// within runs. Before the writer is at work.</summary>
    public async ValueTask TakeHeadsAtFencesAsync()
    {
        if (Trust.IsKeyed) return;
        List<Fence> open = [.. Fences.Table.Standing.Where(f => !Fences.IsOffBranch(f.Replica) && IsAwaitingHead(f))];
        await AppendAsync(open.Select(static f => new LogEntry(LogEntryKind.Head, f.Replica, f.Sequence, f.Sequence, f.Head.Hash)))
            .ConfigureAwait(false);
        foreach (Fence fence in open)
        {
            Authors.Advance(Authors.IndexOf(fence.Replica),
                new AuthorTable.AuthorState(fence.Sequence, fence.Sequence, fence.Head.Hash.ToArray()));
        }
        Authors.Publish();
    }

    /// <summary>The rest of a run whose first batches are held already: its author's runs may be cut elsewhere in a copy
    /// of its log, as when a copied replica closes what it found open.</summary>
    /// <exception cref="ApplyException">They are other batches, or one of them is held in part.</exception>
    private BatchRun WithoutCovered(BatchRun run, long applied)
    {
        int covered = 0;
        foreach (LoggedEntry logged in store.ReadLog(store.FindStart(run.Author, run.FirstSequence)))
        {
            LogEntry entry = logged.Entry;
            if (entry.Kind != LogEntryKind.Batch || entry.Author != run.Author || entry.LastSequence < run.FirstSequence
                || Fences.IsVoid(entry)) continue;
            bool isSame = covered < run.Batches.Count && (covered > 0 || entry.FirstSequence == run.FirstSequence)
                && entry.Payload.Span.SequenceEqual(run.Batches[covered].Span);
            if (!isSame || entry.LastSequence > applied) break;
            covered++;
            if (entry.LastSequence == applied)
                return run with { FirstSequence = applied + 1, Batches = [.. run.Batches.Skip(covered)] };
        }
        throw Fail(ApplyError.PartlyCovered, run, run.FirstSequence, $"The sequences up to {applied} are held already, and otherwise");
    }

    /// <summary>The chain's hash behind what is applied of an author: at its last head, or, where the rest of a run was given up,
    /// behind the batches that are left of it.</summary>
    private byte[] HashBehind(ReplicaId replica)
    {
        byte[] hash = Authors.HeadOf(replica);
        if (!Authors.Ids.TryGetIndex(replica, out int author)) return hash;
        AuthorTable.AuthorState state = Authors[author];
        if (state.Applied == state.HeadSequence) return hash;
        long reached = state.HeadSequence;
        foreach (LogEntry entry in store.ReadLog(store.FindStart(replica, reached + 1)).Select(static l => l.Entry).Concat(entries))
        {
            if (entry.Kind != LogEntryKind.Batch || entry.Author != replica || entry.FirstSequence != reached + 1
                || entry.LastSequence > state.Applied || Fences.IsVoid(entry)) continue;
            (hash, reached) = (AuthorTable.ChainNext(hash, entry.Payload.Span), entry.LastSequence);
        }
        return hash;
    }

    private void CheckFence(BatchRun run, ReadOnlySpan<byte> head)
    {
        if (inForce.Of(run.Author) is { } fence && run.LastSequence == fence.Sequence
            && !head.SequenceEqual(fence.Head.Hash.Span))
        {
            throw Fail(ApplyError.Fenced, run, run.LastSequence, "Its log ends there with another hash");
        }
    }

    /// <summary>Index of a replica that a batch names; fenced ones may be named before anything of theirs has come.</summary>
    private bool TryGetNamed(ReplicaId replica, out int index)
    {
        if (Authors.Ids.TryGetIndex(replica, out index)) return true;
        if (inForce.Of(replica) is null) return false;
        index = Authors.IndexOf(replica);
        return true;
    }

    private void PublishFences()
    {
        foreach (Fence fence in heardNow) Fences.Hear(fence);
        foreach (SetAsideRun run in asidesNow) Fences.Keep(run);
        foreach (Parting parting in partingsNow) Fences.Part(parting);
        if (heardNow.Count + asidesNow.Count + partingsNow.Count == 0 && !fencesTouched) return;
        fencesTouched = false;
        heardNow.Clear();
        asidesNow.Clear();
        partingsNow.Clear();
        Fences.Update();
        inForce = Fences.Table;
        var caps = FenceCaps.Of(Fences.Table.Standing.Where(f => !Fences.IsOffBranch(f.Replica)));
        Acknowledgements.Cap(caps, by => Trust.IsRevoked(by, Fences.Table));
        Standing.Caps = caps;
    }

    /// <summary>What a batch that was applied states of fences counts from here on.</summary>
    private void NoteFences(BatchColumns batch)
    {
        if (batch.Role == ReplicaRole.Client) return;
        for (int m = 0; m < batch.MutationCount; m++)
        {
            EntityKey key = batch.Entities[batch.Mutations[m].Entity];
            if (FenceEntity.IsKey(key))
                inForce = inForce.With(FenceEntity.Read(Cache.GetOrLoad(key).Current, Authors.Ids));
        }
    }

    /// <summary>What a joined snapshot states of fences counts from here on.</summary>
    private void NoteJoinedFences()
    {
        inForce = inForce.With(Fences.Heard.Concat(Cache.Touched.Where(static s => FenceEntity.IsKey(s.Key))
            .SelectMany(s => FenceEntity.Read(s.Current, Authors.Ids))));
        fencesTouched = true;
    }

    /// <summary>Whether a snapshot that was made here includes what a fence has cut off since: the log tells what is in it, from
    /// its beginning or from the snapshot on which it stands, so it can be done without.</summary>
    private bool IsVoidSnapshot(in LogEntry entry) => entry.Kind == LogEntryKind.Snapshot
        && IsOwnId(entry.Author) && !IsStoodOn(entry.LastSequence)
        && entry.Reaches().Any(d => Fences.IsVoid(d.Replica, d.Sequence));

    private bool IsStoodOn(long number) => store.LogStart != default(LogPosition) && Snapshots.IsBasis(number);

    private bool IsOwnId(ReplicaId id) => id == Identity.Replica || Fences.FormerIds.Contains(id);

    /// <summary>Up to where a snapshot that this state stands on includes an author: nothing of that can be left out.</summary>
    private long FloorOf(ReplicaId author) => Snapshots.Held
        .Where(s => !IsOwnId(s.Maker) || IsStoodOn(s.Number)).Select(s => s.Vector[author]).DefaultIfEmpty().Max();

    /// <summary>The chain's hash at a head of an author that some snapshot here includes.</summary>
    private byte[]? SnapshotHeadAt(ReplicaId author, long sequence) => Snapshots.Held.FirstOrDefault(s => s.Vector[author] == sequence)
        is not { } snapshot ? null : Snapshots.ReadManifest(snapshot).Heads.First(h => h.Author == author).Hash.ToArray();

    private void NoteFence(EntitySlot slot)
    {
        Fences.Note(slot.Current);
        fencesTouched = true;
    }

    private bool TryReplayFence(in LogEntry entry)
    {
        var reader = new CanonicalReader(entry.Payload);
        switch (entry.Kind)
        {
            case LogEntryKind.Fence:
                Fence heard = FenceCodec.Read(ref reader);
                Fences.Hear(heard);
                inForce = inForce.With([heard]);
                fencesTouched = true;
                return true;
            case LogEntryKind.Aside:
                Fences.Keep(Describe(AsideCodec.Decode(entry).Run));
                fencesTouched = true;
                return true;
            case LogEntryKind.Parting:
                Fences.Part(Parting.Of(entry));
                fencesTouched = true;
                return true;
            default:
                if (entry.Kind != LogEntryKind.Identity) return false;
                Fences.Succeed(ReplicaId.FromBytes(entry.Payload.Span));
                return true;
        }
    }

    private async ValueTask RebuildIfDueAsync()
    {
        if (!MustRebuild || Rebuild is null) return;
        try
        {
            await Rebuild(this).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever it was: the state shows what a fence has cut off, and nothing may build on it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            queue.Fail(new InvalidOperationException(
                "The replica cannot begin its state anew. It takes no more work; open it again.", e));
        }
    }
}
