namespace Crdt;

/// <summary>Writes again, under the replica's present id, what a fence has cut off.</summary>
internal sealed partial class ReplicaWriter
{
    private readonly Queue<Reissue> reissues = new();
    private bool isReissueWaiting, isReissueAbandoned;
    private int pendingReissues;

    /// <summary>How many of the replica's own mutations wait to be written again.</summary>
    public int PendingReissues => Volatile.Read(ref pendingReissues);

    /// <summary>Whether the replica may write, as published.</summary>
    public bool MayWriteNow => MayWrite;

    private bool MayWrite => Authors.HasApplied && OwnFence is null && !Fences.IsIdInUse
        && Trust.ReasonNotToWrite is null && !IsOwnKeyRevoked;

    /// <summary>Looks what of the replica's own was cut off, and asks for it to be written again. On the writer's turn, or
    /// before it has any.</summary>
    public void PlanReissue()
    {
        (isReissueWaiting, isReissueAbandoned) = (false, false);
        reissues.Clear();
        if (Fences.FormerIds.Any(IsCutOff))
        {
            foreach (Reissue branch in Reissue.OfOwn(store, Fences)) reissues.Enqueue(branch);
        }
        CountReissues();
        if (reissues.Count > 0) Ask(new ReissueWork(reissues.Peek()));
        ResumePostponed();
    }

    private bool IsCutOff(ReplicaId former) => Fences.Table.Of(former) is { } fence && !Fences.IsOffBranch(former)
        && (Fences.IsBehindParting(former, long.MaxValue) || store.FindStart(former, fence.Sequence + 1) < store.LogEnd);

    /// <summary>Writes some transactions of the branch again.</summary>
    public void PrepareReissue(Reissue branch)
    {
        while (!branch.IsDone && ownBound < SharedBatchLengthBytesMax)
        {
            (BatchColumns batch, long first, int from, int to, byte[] hash) = branch.Next;
            UnitMark mark = Mark();
            try
            {
                CheckMayWrite(batch.Entities[batch.Mutations[from].Entity]);
                if (!TryRepeat(branch, batch, first, from, to, hash) && to - from > 1)
                {
                    // With its origins it is longer than a batch may be: then its mutations follow one by one.
                    for (int m = from; m < to; m++)
                    {
                        if (ownBound > SharedBatchLengthBytesMax) EndOwnBatch();
                        TryRepeat(branch, batch, first, m, m + 1, hash);
                    }
                }
            }
            catch (MutationException) when (!MayWrite)
            {
                Revert(mark);
                isReissueWaiting = true;
                return;
            }
            branch.Advance();
        }
    }

    /// <summary>What was written again is durable: on with the rest.</summary>
    public void FinishReissue(Reissue branch)
    {
        if (reissues.Count == 0 || reissues.Peek() != branch || isReissueWaiting)
        {
            CountReissues();
            return;
        }
        if (branch.IsDone) reissues.Dequeue();
        CountReissues();
        if (reissues.Count > 0) Ask(new ReissueWork(reissues.Peek()));
    }

    /// <summary>After a group: whoever waited for being allowed to write may be allowed now; what an append failed to
    /// write is looked for again.</summary>
    private void ResumeReissue()
    {
        if (isReissueAbandoned)
        {
            PlanReissue();
        }
        else if (isReissueWaiting && MayWrite)
        {
            isReissueWaiting = false;
            if (reissues.Count > 0) Ask(new ReissueWork(reissues.Peek()));
        }
    }

    private void AbandonReissue() => isReissueAbandoned |= reissues.Count > 0;

    private void CountReissues() => Volatile.Write(ref pendingReissues, reissues.Sum(r => r.Left));

    // Nobody waits for it: its end is seen by its own last part.
    private void Ask(WorkItem item) => _ = queue.EnqueueAsync(item, CancellationToken.None).AsTask();

    /// <returns><see langword="false"/> when it is too long; nothing was written then.</returns>
    private bool TryRepeat(Reissue branch, BatchColumns batch, long first, int from, int to, byte[] hash)
    {
        for (bool isAlone = own.MutationCount == 0; ; isAlone = true)
        {
            UnitMark mark = Mark();
            try
            {
                int made = RepeatTransaction(branch, batch, first, from, to, hash);
                if (ownBound > FormatLimits.BatchLengthBytesMax) batchWriter.Write(own, Own.Applied + 1);
                branch.Made += made;
                return true;
            }
            catch (TransactionTooLargeException)
            {
                Revert(mark);
                for (int m = from; m < to; m++) branch.Forget(first + m);
                if (isAlone) return false;
                FlushOwnBatch();
            }
        }
    }

    private int RepeatTransaction(Reissue branch, BatchColumns batch, long first, int from, int to, byte[] hash)
    {
        int before = own.MutationCount;
        for (int m = from; m < to; m++)
        {
            ref readonly BatchColumns.MutationRow row = ref batch.Mutations[m];
            EntityKey key = batch.Entities[row.Entity];
            Guid request = row.Origin?.RequestId ?? Reissue.RequestOf(branch.Author, first + m, hash);
            if (branch.Known(first + m, request, row.Origin?.Reissued) is { } known) branch.Succeed(first + m, known);
            else if (!key.IsSpaceData || batch.Role != ReplicaRole.Client) Repeat(branch, batch, m, first + m, key, request, hash);
            NoteTotals(branch, batch, m, key);
        }
        int made = own.MutationCount - before;
        if (made > 0) own.Mutations[own.MutationCount - 1].EndsTransaction = true;
        return made;
    }

    private static void NoteTotals(Reissue branch, BatchColumns batch, int mutation, EntityKey key)
    {
        for (int c = batch.ChangeStart(mutation); c < batch.Mutations[mutation].ChangeEnd; c++)
        {
            ref readonly BatchColumns.ChangeRow change = ref batch.Changes[c];
            FieldPath path = batch.PathOf(change);
            if (path.IsCounter && change.HasValue) branch.Count(key, path, change.Value.AsInteger());
        }
    }

    private void Repeat(Reissue branch, BatchColumns batch, int mutation, long sequence, EntityKey key, Guid request, byte[] hash)
    {
        BatchColumns.MutationRow row = batch.Mutations[mutation];
        EntityState state = Cache.GetOrLoad(key).Current;
        var changes = new List<(FieldPath Path, BatchColumns.ChangeRow Row, List<LocalDot> Dots)>();
        for (int c = batch.ChangeStart(mutation); c < row.ChangeEnd; c++)
        {
            BatchColumns.ChangeRow change = batch.Changes[c];
            FieldPath path = batch.PathOf(change);
            if (path.IsCounter && change.HasValue && change.Mark is null && path.Depth < FormatLimits.DepthMax)
            {
                if (IncrementOf(branch, key, path, state, change) is not { } by) continue;
                (change.Value, change.CounterStart) = (by, 0);
                changes.Add((path.Element(Reissue.RequestOf(branch.Author, sequence, hash).ToString("N")), change, []));
                continue;
            }
            List<LocalDot> dots = StillHeld(branch, batch, c, state.At(path));
            bool writes = change.HasValue && change.Mark is not { Kind: not MarkKind.Restored };
            if (!writes && dots.Count == 0) continue;
            if (path.IsCounter && change.HasValue && change.Mark is null && !TryGoOn(branch, key, path, state, ref change)) continue;
            if (change.HasValue && change.Mark is null && change.Claim == default && path.Kind == PathKind.Key && !path.IsRoot
                && Policies.For(key).For(path) == ConflictPolicy.FirstWriteWins) change.Claim = row.Timestamp;
            changes.Add((path, change, dots));
        }
        if (changes.Count == 0) return;
        changes.Sort(static (a, b) => a.Path.CompareTo(b.Path));
        BeginToWrite(key);
        ref BatchColumns.MutationRow made = ref own.AddMutation();
        (made.Kind, made.Timestamp, made.Context) = (row.Kind, Clock.Tick(), row.Context);
        made.Entity = own.Entities.GetOrAdd(key);
        made.Origin = new MutationOrigin(request, new Dot(branch.Author, sequence));
        if (row.User >= 0) made.User = own.Users.GetOrAdd(batch.Users[row.User]);
        HybridTimestamp now = made.Timestamp;
        foreach ((FieldPath path, BatchColumns.ChangeRow change, List<LocalDot> dots) in changes)
        {
            ref BatchColumns.ChangeRow copy = ref own.AddChange(path.IsRoot ? BatchColumns.RootPath : own.Paths.GetOrAdd(path));
            (copy.HasValue, copy.Value, copy.CounterStart, copy.Mark) = (change.HasValue, change.Value, change.CounterStart, change.Mark);
            copy.Claim = change.Claim == now ? default : change.Claim;
            copy.Remembered = change.Remembered is { } r ? [.. r.Where(d => !Fences.Table.IsBeyond(d.Replica, d.Sequence))] : null;
            foreach (LocalDot dot in dots)
            {
                own.AddDot(dot.Author == 0 ? BatchColumns.Self : own.IndexOfOther(Authors.Ids[dot.Author]), dot.Sequence);
            }
        }
        ApplyOwn(own.MutationCount - 1);
        branch.Succeed(sequence, new Dot(Identity.Replica, Own.Applied + own.MutationCount));
    }

    /// <summary>What the original replaced, and what took the place of its own author's, where it is still held.</summary>
    private List<LocalDot> StillHeld(Reissue branch, BatchColumns batch, int change, ReadOnlySpan<SiblingSlot> siblings)
    {
        var dots = new List<LocalDot>();
        for (int d = batch.DotStart(change); d < batch.Changes[change].DotEnd; d++)
        {
            int replica = batch.DotReplica[d];
            Dot? dot = new Dot(replica == BatchColumns.Self ? branch.Author : batch.Others[replica - 1], batch.DotSequence[d]);
            if (dot.Value.Replica == branch.Author && Fences.Table.IsBeyond(branch.Author, dot.Value.Sequence))
                dot = branch.SuccessorOf(dot.Value.Sequence);
            if (dot is not { } named || !Authors.Ids.TryGetIndex(named.Replica, out int author)) continue;
            ulong identity = new LocalDot(author, named.Sequence, default).Identity;
            foreach (ref readonly SiblingSlot slot in siblings)
            {
                if (slot.Dot.Identity == identity && !dots.Contains(slot.Dot)) dots.Add(slot.Dot);
            }
        }
        dots.Sort((a, b) =>
        {
            int first = (b.Author == 0).CompareTo(a.Author == 0);
            return first != 0 ? first : Authors.Ids.CompareDots(a, b);
        });
        return dots;
    }

    /// <summary>A counter's running total is its author's: what is repeated is by how much it grew. It stands in a register of
    /// its own, named by what tells the mutation from all others: two copies of a device write again what they had in common, and it counts once.</summary>
    private long? IncrementOf(Reissue branch, EntityKey key, FieldPath path, EntityState state, in BatchColumns.ChangeRow change)
    {
        int former = Authors.IndexOf(branch.Author);
        long? before = branch.TotalOf(key, path);
        foreach (ref readonly SiblingSlot slot in state.At(path))
        {
            if (slot.Dot.Author == former && former != 0 && change.CounterStart != 0) before ??= slot.Value.AsInteger();
        }
        Int128 by = (Int128)change.Value.AsInteger() - (before ?? 0);
        // Beyond 64 bits nothing can be counted: what remains of it is in the log that was cut off.
        return by == 0 ? null : (long)Int128.Clamp(by, long.MinValue, long.MaxValue);
    }

    /// <summary>The same where nothing can stand below the counter: the increment joins the own total.</summary>
    /// <returns><see langword="false"/> when it did not grow.</returns>
    private bool TryGoOn(
        Reissue branch, EntityKey key, FieldPath path, EntityState state, ref BatchColumns.ChangeRow change)
    {
        if (IncrementOf(branch, key, path, state, change) is not { } by) return false;
        (long total, long start) = (0, 0);
        foreach (ref readonly SiblingSlot slot in state.At(path))
        {
            if (slot.Dot.Author == 0) (total, start) = (slot.Value.AsInteger(), slot.Extra!.CounterStart);
        }
        change.Value = (long)Int128.Clamp((Int128)total + by, long.MinValue, long.MaxValue);
        change.CounterStart = start;
        return true;
    }
}
