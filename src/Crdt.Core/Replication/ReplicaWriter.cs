using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>The single writer of a replica: takes what waits, prepares it on unpublished state, appends it to the log
/// in one go, publishes it. Nothing here runs twice at a time.</summary>
internal sealed partial class ReplicaWriter
{
    /// <summary>Transactions that wait together share a batch up to about this size: a large one alone.</summary>
    private const int SharedBatchLengthBytesMax = 256 << 10;

    /// <summary>An update of the projection is due after so many mutations for each entity that it may take: few
    /// entities that are edited often have a long log behind them, too.</summary>
    private const int MutationsPerEntity = 4;

    /// <summary>What waits beyond this goes into the next append: a group is bounded in memory and on disk.</summary>
    private const long GroupLengthBytesMax = 8 << 20;

    /// <summary>While the log is applied again, superseded states are let go of after so many.</summary>
    private const int ReplayedStatesPerPublish = 4_096;

    private readonly IReplicaStore store;
    private readonly ReplicaOptions options;
    private readonly WorkQueue queue;
    private readonly ReplicaSignals signals;
    private readonly List<EntityKey> attached = [];
    private readonly List<LogEntry> entries = [];
    private readonly List<Exception?> failures = [];
    private readonly BatchColumns own;
    private readonly BatchColumns foreign = new();
    private readonly BatchWriter batchWriter = new();
    private readonly BatchReader batchReader = new();
    private readonly MutationPreparer preparer;
    private readonly Func<EntityState, Entity> toEntity;
    private readonly List<Acknowledgement> statements = [];
    private readonly OwnRun openRun = new();
    private readonly Projector projector;
    private readonly ServerDuties? duties;
    private LogEntry[] appended = new LogEntry[4];

    // Of the group in hand: how many of its items are in it, and what to come back to should it be given up.
    private int taken;
    private OwnRun.Mark runBefore;
    private TrustTable.Mark trustBefore;
    private bool hasOpenRun, isRestoring;
    private long ownBound, entriesLengthBytes;
    private long unprojectedMutations;
    private long publishedEnd;

    // While publishing: how many are alive then, and what observers will be told.
    private readonly Action<EntitySlot, EntityState> onPublish;
    private List<EntityKey>? changed;
    private long living;


    public ReplicaWriter(IReplicaStore store, ReplicaOptions options)
        : this(store, options, new WorkQueue(), new ReplicaSignals(), null)
    {
        TakeOver();
    }

    /// <summary>A writer that takes the place of another, once it is told to.</summary>
    public ReplicaWriter(IReplicaStore store, ReplicaOptions options, ReplicaWriter before)
        : this(store, options, before.queue, before.signals, before.Fences)
    {
    }

    private ReplicaWriter(
        IReplicaStore store, ReplicaOptions options, WorkQueue queue, ReplicaSignals signals, FenceKeeper? fences)
    {
        (this.store, this.options, this.queue, this.signals) = (store, options, queue, signals);
        Identity = store.Identity;
        Authors = new AuthorTable(Identity.Replica);
        Fences = new FenceKeeper(store, Authors, fences);
        (Fences.Floor, Fences.SnapshotHead) = (FloorOf, SnapshotHeadAt);
        inForce = Fences.Table;
        Policies = PolicyTable.From([], options.DataTypeTable);
        Cache = new EntityCache(store, options.CachedEntitiesMax, Policies);
        Clock = new HybridLogicalClock(options.Time, options.ClockDriftMax);
        Refusals = new RefusalTable(Authors.Ids);
        projector = new Projector(store, Authors.Ids, Refusals, options.MutationsPerZone);
        preparer = new MutationPreparer(Authors.Ids, Refusals);
        Trust = new TrustTable(Identity, options.Signatures, options.Key);
        if (Identity.Role != ReplicaRole.Client) duties = new ServerDuties(Authors, Cache, Refusals, Postponed, options.Admission);
        Snapshots = new SnapshotKeeper(this, store);
        own = new BatchColumns { Role = Identity.Role };
        toEntity = ToEntity;
        onPublish = NotePublished;
    }

    public ReplicaIdentity Identity { get; }

    public AuthorTable Authors { get; }

    public EntityCache Cache { get; }

    public IReplicaStore Store => store;

    public TrustTable Trust { get; }

    public SnapshotKeeper Snapshots { get; }

    public HybridLogicalClock Clock { get; }

    public AcknowledgementTable Acknowledgements { get; } = new();

    public MarkedKeys Contested { get; } = new();

    /// <summary>Those of which some value names a blob.</summary>
    public MarkedKeys NamingBlobs { get; } = new();

    /// <summary>What was noticed about other replicas.</summary>
    public ReplicaWatch Watch { get; } = new();

    /// <summary>What everybody is known to have held.</summary>
    public StandingTable Standing { get; } = new();

    /// <summary>The policies as the writer's turn knows them; readers go by those of their <see cref="Moment"/>.</summary>
    public PolicyTable Policies { get; private set; }

    public RefusalTable Refusals { get; }

    /// <summary>Number of entities that are alive, without the space's own data, as published.</summary>
    public long LivingEntities { get; private set; }

    /// <summary>Where the part of the log ends that was appended for good: nothing behind it may be shown or sent.</summary>
    public LogPosition PublishedEnd => new(Volatile.Read(ref publishedEnd));

    /// <summary>Set after every commit.</summary>
    public Pulse Committed => signals.Committed;

    /// <summary>Told after every commit which entities changed.</summary>
    public event Action<IReadOnlyList<EntityKey>>? Changed
    {
        add => signals.Changed += value;
        remove => signals.Changed -= value;
    }

    /// <summary>What went wrong with the projection last; it is tried again with the next commit.</summary>
    public Exception? ProjectionError => projector.Error;

    private AuthorTable.AuthorState Own => Authors[0];

    /// <summary>Whether this replica has batches that no head vouches for yet.</summary>
    public bool HasOpenRun => Volatile.Read(ref hasOpenRun);

    /// <summary>Whether no more work is taken.</summary>
    public bool IsStopped => queue.IsStopped;

    /// <summary>Whether it was closed.</summary>
    public bool IsClosed => queue.IsClosed;

    /// <summary>Asks for work, and waits for its end: durable and visible, or an error.</summary>
    public ValueTask EnqueueAsync(WorkItem item, CancellationToken cancellationToken) =>
        queue.EnqueueAsync(item, cancellationToken);

    /// <summary>Takes no more work, and waits until what was taken is done.</summary>
    public ValueTask CloseAsync() => queue.CloseAsync();

    // Nothing here is awaited that has completed already: with a store in memory a commit is one call from end to end.
    private ValueTask<int> ProcessAsync(List<WorkItem> group)
    {
        (runBefore, trustBefore) = (openRun.Position, Trust.Position);
        failures.Clear();
        CollectionsMarshal.SetCount(failures, group.Count);
        CollectionsMarshal.AsSpan(failures).Clear();
        taken = 0;
        Exception? problem = null;
        try
        {
            PrepareGroup(group);
            if (entries.Count > 0)
            {
                ValueTask<LogPosition> appending = AppendEntries(MustBeDurable(group, taken));
                if (!appending.IsCompletedSuccessfully) return AwaitAppendedAsync(group, appending);
                EndAppend(appending.Result);
            }
        }
#pragma warning disable CA1031 // Whatever the store raised belongs to those who wait: the writer itself must go on.
        catch (Exception e)
#pragma warning restore CA1031
        {
            problem = e;
        }
        return EndGroupAsync(group, problem);
    }

    private void PrepareGroup(List<WorkItem> group)
    {
        // What would make the append too long waits for the next one.
        for (; taken < group.Count && entriesLengthBytes + ownBound < GroupLengthBytesMax; taken++)
        {
            if (!group[taken].ComesLast) failures[taken] = TryDo(group[taken], static (i, w) => i.Prepare(w));
        }
        for (int i = 0; i < taken; i++)
        {
            if (group[i].ComesLast) failures[i] = TryDo(group[i], static (i, w) => i.Prepare(w));
        }
        if (options.ClosesEachRun) CloseOwnRun();
        else FlushOwnBatch();
        AddOwnStatement();
    }

    private async ValueTask<int> AwaitAppendedAsync(List<WorkItem> group, ValueTask<LogPosition> appending)
    {
        Exception? problem = null;
        try
        {
            EndAppend(await appending.ConfigureAwait(false));
        }
#pragma warning disable CA1031 // As above.
        catch (Exception e)
#pragma warning restore CA1031
        {
            problem = e;
        }
        return await EndGroupAsync(group, problem).ConfigureAwait(false);
    }

    private ValueTask<int> EndGroupAsync(List<WorkItem> group, Exception? problem)
    {
        Array.Clear(appended, 0, Math.Min(entries.Count, appended.Length));
        if (problem is null) problem = TryPublish();
        else GiveUpGroup();
        bool hasAppended = entries.Count > 0;
        entries.Clear();
        entriesLengthBytes = 0;
        statements.Clear();
        heardNow.Clear();
        asidesNow.Clear();
        partingsNow.Clear();
        Volatile.Write(ref hasOpenRun, !openRun.IsEmpty);
        for (int i = 0; i < taken; i++) Finish(group[i], failures[i] ?? (group[i].OutlivesGroup ? null : problem));
        Committed.Set();
        inForce = Fences.Table;
        if (problem is not null) return ValueTask.FromResult(taken);
        // A projection that failed is tried again with the next commit: its own end is none, and would try for ever.
        ValueTask after = MustRebuild ? RebuildIfDueAsync() : hasAppended || projector.Error is null ? ProjectIfDueAsync() : default;
        if (!after.IsCompletedSuccessfully) return AwaitAndResumeAsync(after);
        Resume();
        return ValueTask.FromResult(taken);
    }

    private async ValueTask<int> AwaitAndResumeAsync(ValueTask after)
    {
        await after.ConfigureAwait(false);
        Resume();
        return taken;
    }

    private void GiveUpGroup()
    {
        own.Clear();
        ownBound = 0;
        Cache.RevertGroup();
        AbandonReissue();
        Authors.Revert(0);
        Trust.Revert(trustBefore);
        Snapshots.Revert();
        Postponed.Revert();
        openRun.Revert(runBefore);
    }

    private void Resume()
    {
        ResumeReissue();
        ResumePostponed();
        ResumeRevocations();
    }

    private ValueTask<LogPosition> AppendEntries(bool isDurable)
    {
        if (appended.Length < entries.Count) appended = new LogEntry[Math.Max(entries.Count, 2 * appended.Length)];
        entries.CopyTo(appended);
        return store.AppendAsync(appended.AsMemory(0, entries.Count), isDurable, CancellationToken.None);
    }

    private void EndAppend(LogPosition end) => Volatile.Write(ref publishedEnd, end.Value);

    /// <summary>A head goes with what may leave the device, so everything before it must stay there.</summary>
    private bool MustBeDurable(List<WorkItem> group, int count)
    {
        bool isRelaxed = count > 0;
        for (int i = 0; i < count; i++) isRelaxed &= group[i].IsRelaxed;
        foreach (ref readonly LogEntry entry in CollectionsMarshal.AsSpan(entries))
        {
            if (entry.Kind is not (LogEntryKind.Note or LogEntryKind.SnapshotChunk) && !(isRelaxed && entry.Kind == LogEntryKind.Batch))
                return true;
        }
        return false;
    }

    private void Finish(WorkItem item, Exception? problem) =>
        item.Complete(problem ?? TryDo(item, static (i, w) => i.Finish(w)));

    /// <summary>What is in the log must become visible. Should that fail, memory and log no longer belong together: the
    /// writer takes no more work, and opening the replica again goes on from the log.</summary>
    private InvalidOperationException? TryPublish()
    {
        try
        {
            Publish();
            return null;
        }
#pragma warning disable CA1031 // Whatever it was: the log has gone ahead of memory, and that must stop everything here.
        catch (Exception e)
#pragma warning restore CA1031
        {
            var fatal = new InvalidOperationException(
                "The replica cannot show what it has written. It takes no more work; open it again.", e);
            queue.Fail(fatal);
            return fatal;
        }
    }

    private Exception? TryDo(WorkItem item, Action<WorkItem, ReplicaWriter> part)
    {
        try
        {
            part(item, this);
            return null;
        }
#pragma warning disable CA1031 // Each item takes back its own part and answers for its own error, whatever that is.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return e;
        }
    }

    // ---- own transactions ----

    public CommitResult PrepareTransaction(Transaction transaction)
    {
        if (transaction.Edits.IsEmpty) return default;
        CheckMayWrite(transaction.Edits[0].Key);
        UnitMark mark = Mark();
        try
        {
            int count = PrepareEdits(transaction);
            if (count > 0 && mark.Own.Mutations > 0 && ownBound > SharedBatchLengthBytesMax)
            {
                // Together with what waited before it would be long: that goes first, in a batch of its own.
                Revert(mark);
                FlushOwnBatch();
                mark = Mark();
                count = PrepareEdits(transaction);
            }
            if (count == 0) return default;
            var result = new CommitResult(Identity.Replica, Own.Applied + own.MutationCount - count + 1, count);
            AddOwnMarks();
            if (ownBound > FormatLimits.BatchLengthBytesMax) batchWriter.Write(own, Own.Applied + 1);
            return result;
        }
        catch
        {
            Revert(mark);
            throw;
        }
    }

    /// <summary>In a keyed space only who is enrolled writes, and begins by naming its enrolment.</summary>
    private void BeginToWrite(EntityKey key)
    {
        if (!Trust.IsKeyed) return;
        if (Trust.ReasonNotToWrite is { } reason)
            throw new MutationException(MutationError.NotEnrolled, key, FieldPath.Root, reason);
        if (Own.Applied + own.MutationCount > 0) return;
        EntitySlot slot = Cache.GetOrLoad(Trust.AddJoin(own, Clock.Tick()));
        ChangeApplier.Apply(Cache.ToWorking(slot, own, 0), own, 0, 0, 1, OwnOthers(), Authors.Ids);
        ownBound += Bound(own, 0);
    }

    private int PrepareEdits(Transaction transaction)
    {
        BeginToWrite(transaction.Edits[0].Key);
        duties?.Begin();
        return PrepareEdits(transaction.Edits, transaction.User);
    }

    private int PrepareEdits(ReadOnlySpan<EntityEdit> edits, string? user)
    {
        int before = own.MutationCount;
        var start = new Dot(Identity.Replica, Own.Applied + before + 1);
        long wallMs = Clock.WallMs;
        foreach (EntityEdit edit in edits)
        {
            edit.TransactionStart = start;
            if (edit.Key.IsSpaceData && Identity.Role == ReplicaRole.Client && !edit.IsOfEscrow)
            {
                throw new MutationException(MutationError.RoleRequired, edit.Key, FieldPath.Root,
                    "The space's own data is written in the server role or by the authority.");
            }
            EntitySlot slot = Cache.GetOrLoad(edit.Key);
            int mutation = own.MutationCount;
            long sequence = Own.Applied + mutation + 1;
            if (sequence > Dot.SequenceMax) throw new InvalidOperationException("The replica has used up its sequences.");
            if (!preparer.TryPrepare(
                edit, slot.Current, Policies.For(edit.Key), Clock, wallMs, sequence, user, own)) continue;
            EntityState working = Cache.ToWorking(slot, own, mutation);
            ChangeApplier.Apply(working, own, mutation, 0, sequence, OwnOthers(), Authors.Ids);
            duties?.AfterOwn(working, own, mutation, new Dot(Identity.Replica, sequence), Policies.For(edit.Key));
            ownBound += Bound(own, mutation);
        }
        int made = own.MutationCount - before;
        if (made > 0) own.Mutations[own.MutationCount - 1].EndsTransaction = true;
        return made;
    }

    private int[] OwnOthers()
    {
        int[] others = own.Others.Count == 0 ? [] : new int[own.Others.Count];
        for (int i = 0; i < others.Length; i++) others[i] = Authors.IndexOf(own.Others[i]);
        return others;
    }

    /// <summary>What a mutation takes at most, encoded: to decide without encoding.</summary>
    private static long Bound(BatchColumns columns, int mutation)
    {
        ref readonly BatchColumns.MutationRow row = ref columns.Mutations[mutation];
        EntityKey key = columns.Entities[row.Entity];
        long bound = 80 + (3L * (key.Domain.Length + key.Type.Length + key.Id.Length))
            + (row.User < 0 ? 0 : 3L * columns.Users[row.User].Length)
            + (row.Context.IsNull ? 0 : FormatLimits.ContextLengthBytesMax);
        for (int c = columns.ChangeStart(mutation); c < row.ChangeEnd; c++)
        {
            ref readonly BatchColumns.ChangeRow change = ref columns.Changes[c];
            bound += 32 + columns.PathOf(change).Bytes.Length + (32L * (change.DotEnd - columns.DotStart(c)))
                + ValueCodec.LengthBytes(change.Value, FormatLimits.ValueLengthBytesMax)
                + (26L * (change.Remembered?.Length ?? 0)) + (change.Mark is { } mark ? Bound(mark) : 0);
        }
        return bound;
    }

    /// <summary>What the group that is being prepared adds to the log.</summary>
    public IReadOnlyList<LogEntry> Unwritten => entries;

    public void AddEntry(in LogEntry entry)
    {
        entries.Add(entry);
        entriesLengthBytes += entry.Payload.Length;
    }

    private void FlushOwnBatch()
    {
        if (own.MutationCount == 0) return;
        long first = Own.Applied + 1, last = Own.Applied + own.MutationCount;
        byte[] bytes = batchWriter.Write(own, first);
        Trust.Record(own, Identity.Replica, first);
        own.Clear();
        ownBound = 0;
        if (openRun.IsFullFor(bytes)) AddOwnHead();
        AddEntry(new LogEntry(LogEntryKind.Batch, Identity.Replica, first, last, bytes));
        Authors.Advance(0, Own with { Applied = last });
        openRun.Add(bytes);
    }

    // ---- runs ----

    public void CloseOwnRun()
    {
        FlushOwnBatch();
        if (!openRun.IsEmpty) AddOwnHead();
    }

    private void AddOwnHead()
    {
        byte[] head = openRun.Close(Own.Head);
        long last = Own.Applied;
        byte[] sealedHead = Trust.SealHead(last, head);
        AddEntry(new LogEntry(LogEntryKind.Head, Identity.Replica, last, last, sealedHead));
        Authors.Advance(0, Own with { HeadSequence = last, Head = head, Signature = AuthorTable.SignatureOf(sealedHead) });
    }

    /// <returns><see langword="false"/> when the run was covered already.</returns>
    public bool PrepareRun(BatchRun run)
    {
        if (run.Batches.Count is 0 or > FormatLimits.RunBatchesMax)
            throw Fail(ApplyError.LimitExceeded, run, run.FirstSequence, $"A run of {run.Batches.Count} batches");
        if (run.Author == Identity.Replica && !run.IsFounding)
        {
            return run.LastSequence <= Own.Applied + own.MutationCount
                ? false
                : throw Fail(ApplyError.OwnLogForked, run, run.LastSequence,
                    $"This replica wrote {Own.Applied} mutations, and a peer holds more: the id is in use twice");
        }
        long applied = Authors.AppliedOf(run.Author);
        if (run.LastSequence <= applied && TryTakeHead(run)) return true;
        if (run.LastSequence <= applied || IsBeyondFence(run, applied)) return false;
        CloseOwnRun();
        UnitMark mark = Mark();
        try
        {
            if (run.FirstSequence > applied + 1)
                throw Fail(ApplyError.Gap, run, run.FirstSequence, $"The sequences from {applied + 1} are missing");
            if (run.FirstSequence <= applied) run = WithoutCovered(run, applied);
            byte[] head = CheckChain(run);
            CheckFence(run, head);
            duties?.Begin();
            ApplyBatches(run, Authors.IndexOf(run.Author), head);
            AddAnnotations();
            return true;
        }
        catch (ApplyException e) when (e.Error == ApplyError.KeyRevoked && MayFence(run.Author))
        {
            Revert(mark);
            PrepareFence(run.Author, FenceReason.Revoked, null);
            return false;
        }
        catch
        {
            Revert(mark);
            throw;
        }
    }

    private byte[] CheckChain(BatchRun run)
    {
        byte[] head = HashBehind(run.Author);
        bool isFounding = !Authors.HasApplied;
        for (int i = 0; i < run.Batches.Count; i++)
        {
            head = AuthorTable.ChainNext(head, run.Batches[i].Span);
            if (i == 0 && isFounding && SpaceId.FromBytes(head) != Identity.Space)
                throw Fail(ApplyError.WrongSpace, run, run.FirstSequence, $"The founding is that of {SpaceId.FromBytes(head)}");
        }
        if (run.Head.Length < AuthorTable.HashLengthBytes
            || !run.Head.Span[..AuthorTable.HashLengthBytes].SequenceEqual(head))
            throw Fail(ApplyError.ChainBroken, run, run.LastSequence, "The batches do not lead to the head they came with");
        return head;
    }

    private void ApplyBatches(BatchRun run, int author, byte[] head)
    {
        long next = run.FirstSequence;
        long plainLengthBytes = 0;
        foreach (ReadOnlyMemory<byte> batch in run.Batches)
        {
            try
            {
                plainLengthBytes += BatchReader.PlainLengthOf(batch.Span);
                if (plainLengthBytes > FormatLimits.RunPlainLengthBytesMax)
                    throw Fail(ApplyError.LimitExceeded, run, next, "The run unpacks to more than 8 MiB");
                batchReader.Read(batch, run.Author, next, foreign);
            }
            catch (BatchFormatException e)
            {
                if (e.Error != BatchError.UnknownFormat) throw new ApplyException(ApplyError.BadBatch, run.Author, next, e.Message, e);
                throw new ApplyException(ApplyError.UnknownFormat, run.Author, next,
                    $"{e.Message} A later build has written it: update this one; until then it stays with whoever has it", e);
            }
            Trust.Admit(run, foreign, next, inForce);
            ApplyForeign(author, next, duties);
            NoteFences(foreign);
            long last = next + foreign.MutationCount - 1;
            AddEntry(new LogEntry(LogEntryKind.Batch, run.Author, next, last, batch));
            Authors.Advance(author, Authors[author] with { Applied = last });
            next = last + 1;
        }
        if (next - 1 != run.LastSequence)
            throw Fail(ApplyError.ChainBroken, run, next - 1, $"The head vouches for sequence {run.LastSequence}");
        AddEntry(new LogEntry(LogEntryKind.Head, run.Author, run.LastSequence, run.LastSequence, run.Head));
        Authors.Advance(author, new AuthorTable.AuthorState(run.LastSequence, run.LastSequence, head)
        {
            Signature = AuthorTable.SignatureOf(run.Head),
        });
    }

    /// <summary>Applies the batch in <see cref="foreign"/>, whose author has everything before it applied.</summary>
    private void ApplyForeign(int author, long first, ServerDuties? watching)
    {
        Span<int> others = foreign.Others.Count <= 64 ? stackalloc int[foreign.Others.Count] : new int[foreign.Others.Count];
        for (int i = 0; i < others.Length; i++)
        {
            // An id that nobody here has heard of has written nothing that could have been observed.
            if (!TryGetNamed(foreign.Others[i], out others[i])) throw NotArrived(author, first, foreign.Others[i]);
        }
        // What is in the log was judged when it came, by what was known of fences then.
        if (!isRestoring) CheckObserved(author, first, others);
        for (int m = 0; m < foreign.MutationCount; m++)
        {
            EntitySlot slot = Cache.GetOrLoad(foreign.Entities[foreign.Mutations[m].Entity]);
            EntityState working = Cache.ToWorking(slot, foreign, m);
            if (watching is null)
            {
                ChangeApplier.Apply(working, foreign, m, author, first + m, others, Authors.Ids);
                continue;
            }
            var dot = new Dot(Authors.Ids[author], first + m);
            TypePolicies policies = Policies.For(slot.Key);
            watching.Before(working, foreign, m, dot, toEntity);
            ChangeApplier.Apply(working, foreign, m, author, first + m, others, Authors.Ids);
            watching.After(working, foreign, m, dot, policies);
        }
        if (Fences.HasPartings)
        {
            NoteNamed(author, first, others);
            DropNamed(author, first + foreign.MutationCount - 1);
        }
        HybridTimestamp latest = foreign.Mutations[foreign.MutationCount - 1].Timestamp;
        if (author == 0) Clock.Restore(latest);
        else Clock.Witness(latest);
    }

    private void CheckObserved(int author, long first, ReadOnlySpan<int> others)
    {
        for (int d = 0; d < foreign.DotCount; d++)
        {
            int replica = foreign.DotReplica[d];
            if (replica != BatchColumns.Self && foreign.DotSequence[d] > Authors[others[replica - 1]].Applied
                && !inForce.IsBeyond(foreign.Others[replica - 1], foreign.DotSequence[d]))
                throw NotArrived(author, first, foreign.Others[replica - 1]);
        }
        for (int c = 0; c < foreign.ChangeCount; c++)
        {
            ref readonly BatchColumns.ChangeRow change = ref foreign.Changes[c];
            foreach (Dot dot in change.Remembered ?? []) CheckRemembered(author, first, dot);
            foreach (MarkedSibling sibling in change.Mark?.Siblings ?? [])
            {
                CheckRemembered(author, first, sibling.Dot);
                foreach (Dot dot in sibling.Replaced) CheckRemembered(author, first, dot);
            }
        }
    }

    /// <summary>What a batch speaks of has arrived before it; its author's own may stand in this very batch.</summary>
    private void CheckRemembered(int author, long first, Dot dot)
    {
        long applied = Authors.AppliedOf(dot.Replica);
        if (dot.Replica == Authors.Ids[author]) applied = first + foreign.MutationCount - 1;
        if (dot.Sequence > applied && !inForce.IsBeyond(dot.Replica, dot.Sequence))
            throw NotArrived(author, first, dot.Replica);
    }

    private ApplyException NotArrived(int author, long first, ReplicaId observed) => new(
        ApplyError.UnknownObservedDot, Authors.Ids[author], first,
        $"A change replaces what {observed} wrote and what has not arrived");

    // ---- acknowledgements ----

    public void PrepareAcknowledgement(Acknowledgement statement)
    {
        if (statement.By == Identity.Replica || Acknowledgements.NewsOf(statement) is not { } news) return;
        AddNote(news);
        statements.Add(news);
    }

    /// <summary>In the server role what is appended is thereby held: the statement goes into the log beside it.</summary>
    private void AddOwnStatement()
    {
        if (Identity.Role == ReplicaRole.Client) return;
        var highest = new Dictionary<ReplicaId, long>();
        foreach (LogEntry entry in entries)
        {
            if (entry.Kind == LogEntryKind.Batch) highest[entry.Author] = entry.LastSequence;
            else if (entry.Kind == LogEntryKind.Snapshot) AddJoined(entry, highest);
        }
        if (highest.Count == 0) return;
        // Under an id that is new it has said nothing yet of what it held before.
        if (Acknowledgements.Find(Identity.Replica) is null)
        {
            foreach ((ReplicaId author, long sequence) in Authors.Vector) highest.TryAdd(author, sequence);
        }
        var statement = new Acknowledgement(Identity.Replica, Identity.Role, options.Time.GetUtcNow(),
            VersionVector.From(highest.Select(h => new Dot(h.Key, h.Value))));
        AddNote(statement);
        statements.Add(statement);
    }

    private void AddNote(Acknowledgement news) =>
        AddNote(news.IsWhole ? new WholeNote(news).Encode() : AcknowledgementCodec.Encode(news));

    /// <summary>Adds a note for this replica itself to the log.</summary>
    public void AddNote(byte[] note) => AddEntry(new LogEntry(LogEntryKind.Note, Identity.Replica, 0, 0, note));

    /// <summary>Takes over what was noticed about another replica. A device goes by the clock of the last server it met.</summary>
    public void TakeNote(WatchNote note)
    {
        Watch.Take(note);
        if (note is StandingNote { Statement: var statement }) Standing.Take(statement);
        if (note is WholeNote { Statement: var whole }) Acknowledgements.Merge(whole, Authors);
        if (note is ToldNote { Peer: var peer, Known: var known })
        {
            foreach ((ReplicaId maker, ulong hash) in known) Standing.NoteTold(peer, maker, hash);
        }
        if (note is SkewNote { Skew: { } skew } && skew.Role != ReplicaRole.Client && Identity.Role == ReplicaRole.Client)
            Clock.OffsetMs = skew.OffsetMs;
    }

    private void AddJoined(in LogEntry snapshot, Dictionary<ReplicaId, long> highest)
    {
        foreach (Dot dot in snapshot.Reaches())
        {
            if (dot.Sequence > Math.Max(Authors.PublishedSequence(dot.Replica), highest.GetValueOrDefault(dot.Replica)))
                highest[dot.Replica] = dot.Sequence;
        }
    }

    // ---- publishing ----

    /// <summary>What readers see of a state, by the policies and refusals of a moment.</summary>
    public Entity ToEntity(EntityState state, Moment at) =>
        new(state, Authors.Ids, at.Policies.For(state.Key), Refusals.At(at.Epoch));

    /// <summary>What readers will see of a state that is not published yet; on the writer's turn.</summary>
    private Entity ToEntity(EntityState state) => new(state, Authors.Ids, Policies.For(state.Key), Refusals.Now);

    private void Publish()
    {
        Cache.DropEmptied();
        // Counted before the space's own data changes how they are read.
        living = LivingEntities;
        bool touchesSpace = false;
        foreach (EntitySlot slot in Cache.Touched)
        {
            if (slot.Working is null) continue;
            living -= Living(slot.Published);
            touchesSpace |= slot.Key.IsSpaceData;
        }
        PolicyTable policiesBefore = Policies;
        if (touchesSpace) ReadSpace(Cache.Touched.Where(static s => s.Key.IsSpaceData && s.Working is not null));
        if (!ReferenceEquals(policiesBefore, Policies)) living += CountRevived(policiesBefore);
        changed = !signals.HasObservers || Cache.Touched.Count == 0 ? null : new List<EntityKey>(Cache.Touched.Count);
        Cache.Publish(Policies, onPublish);
        // Behind the states: what a vector covers can be read.
        Authors.Publish();
        Trust.Publish();
        Snapshots.Publish();
        Postponed.Publish();
        LivingEntities = living;
        foreach (ref readonly LogEntry entry in CollectionsMarshal.AsSpan(entries))
        {
            if (entry.Kind == LogEntryKind.Batch) unprojectedMutations += entry.LastSequence - entry.FirstSequence + 1;
            // What is told of the own log ends at its last head.
            else if (entry.Kind == LogEntryKind.Head && entry.Author == Identity.Replica) Acknowledgements.Touch();
        }
        foreach (Acknowledgement statement in statements) Acknowledgements.Merge(statement, Authors);
        PublishFences();
        if (changed is { Count: > 0 }) signals.Tell(changed);
        changed = null;
        if (attached.Count == 0) return;
        signals.TellAttached([.. attached]);
        attached.Clear();
    }

    private void NotePublished(EntitySlot slot, EntityState now)
    {
        living += Living(now);
        Contested.Update(slot.Key, Entity.MayBeContested(now));
        if (NamingBlobs.Update(slot.Key, now.NamesBlobs)) attached.Add(slot.Key);
        projector.Note(slot);
        changed?.Add(slot.Key);
    }

    private int Living(EntityState? state) => state is { Key.IsSpaceData: false }
        && IsAlive(state, Policies.For(state.Key)) ? 1 : 0;

    private bool IsAlive(EntityState state, TypePolicies policies) =>
        EffectiveState.IsAlive(state, Authors.Ids, policies, Refusals.Now);

    /// <summary>How many untouched entities are alive under the new policies and were not, less those the other way round.
    /// A policy makes a difference only where an entity is in dispute, and such keys are kept.</summary>
    private long CountRevived(PolicyTable before)
    {
        long revived = 0;
        if (Policies.DecidesExistenceAs(before)) return revived;
        foreach (EntityKey key in Contested.ToArray())
        {
            (TypePolicies then, TypePolicies now) = (before.For(key), Policies.For(key));
            if (then.Existence == now.Existence || key.IsSpaceData) continue;
            EntitySlot slot = Cache.GetOrLoad(key);
            if (slot.Published is not { } state || slot.Working is not null) continue;
            int change = (IsAlive(state, now) ? 1 : 0) - (IsAlive(state, then) ? 1 : 0);
            // Its document comes, or goes.
            if (change != 0)
            {
                projector.Note(slot);
                Cache.NoteUnprojected(slot);
            }
            revived += change;
        }
        return revived;
    }

    /// <summary>Takes over what entities of the space's own data say, before others are read by it.</summary>
    private void ReadSpace(IEnumerable<EntitySlot> touched)
    {
        bool touchesPolicies = false;
        foreach (EntitySlot slot in touched)
        {
            touchesPolicies |= slot.Key.Type == PolicyScope.EntityType;
            if (FenceEntity.IsKey(slot.Key)) NoteFence(slot);
            if (slot.Key.Type == RefusalTable.EntityType) Refusals.Note(ToEntity(slot.Current), Cache.Moment.Epoch + 1);
        }
        if (!touchesPolicies) return;
        var policies = new List<Entity>();
        foreach (EntityKey key in Cache.Keys(EntityKey.SpaceDomain, PolicyScope.EntityType)
            .Union(Cache.Touched.Select(static s => s.Key).Where(static k => k.IsSpaceData && k.Type == PolicyScope.EntityType)))
        {
            Entity policy = ToEntity(Cache.GetOrLoad(key).Current);
            if (policy.Exists) policies.Add(policy);
        }
        Policies = PolicyTable.From(policies, options.DataTypeTable);
    }

    /// <summary>Reads the space's own data at opening, when nothing was touched.</summary>
    private void ReadSpaceAnew()
    {
        var slots = new List<EntitySlot>();
        var refused = new List<(Dot First, EntityKey Key)>();
        foreach (EntityKey key in Cache.Keys(EntityKey.SpaceDomain, null))
        {
            if (key.Type == BlobClaims.EntityType) continue;
            if (RefusalTable.TryParse(key, out Dot first)) refused.Add((first, key));
            else slots.Add(Cache.GetOrLoad(key));
        }
        // Of refused work only that it was refused is needed: one after the other, and none of it stays in memory.
        foreach ((Dot _, EntityKey key) in refused.OrderBy(static r => r.First.Replica).ThenBy(static r => r.First.Sequence))
        {
            if (Cache.Peek(key) is { } state) Refusals.Note(ToEntity(state), Cache.Moment.Epoch + 1);
        }
        ReadSpace(slots);
    }

    /// <summary>The digest of the published state. On the writer's turn only.</summary>
    public StateDigest ComputeDigest() => projector.ComputeDigest();

    // ---- projection ----

    private ValueTask ProjectIfDueAsync()
    {
        if (!store.IsProjecting || AwaitsNamed) return default;
        Cache.Evict();
        if (projector.DirtyEntities < options.ProjectedEntitiesPerUpdate
            && unprojectedMutations < MutationsPerEntity * (long)options.ProjectedEntitiesPerUpdate) return default;
        Task? storing = StartProjection();
        // Beyond twice the budget a commit waits for the projection: memory stays bounded.
        return storing is not null && Cache.Count > 2L * options.CachedEntitiesMax ? new ValueTask(storing) : default;
    }

    /// <summary>Begins to bring the projection up to date, on the writer's turn; the store does the work beside it.</summary>
    /// <returns>As <see cref="Projector.Begin"/>.</returns>
    public Task? StartProjection()
    {
        if (!projector.IsProjecting) unprojectedMutations = 0;
        return projector.Begin(
            PublishedEnd, Cache.Moment, digest => ReplicaCheckpoint.Encode(this, digest.Value), EndProjectionAsync);
    }

    /// <summary>Completes when the last update of the projection has ended.</summary>
    public Task ProjectionEnded => projector.Ended;

    private async ValueTask EndProjectionAsync(Action end)
    {
        if (IsStopped) return;
        if (isRestoring)
        {
            // Who restores waits for this, and the queue may be waiting for who restores.
            End();
            return;
        }
        await EnqueueAsync(new CallWork(_ => End()), CancellationToken.None).ConfigureAwait(false);

        void End()
        {
            end();
            Cache.NoteProjected();
        }
    }

    // ---- opening ----

    /// <summary>Takes over the checkpoint, and applies the log behind it again.</summary>
    public async ValueTask RestoreAsync()
    {
        isRestoring = true;
        if (store.IsProjecting && !ReplicaCheckpoint.IsOf(store.Checkpoint, Identity.Replica))
            await store.ResetProjectionAsync(CancellationToken.None).ConfigureAwait(false);
        if (store.IsProjecting)
        {
            (UInt128 digest, LivingEntities) = ReplicaCheckpoint.Decode(this, store.Checkpoint);
            projector.Restore(digest);
            foreach (EntityKey key in store.MarkedKeys(EntityMarks.Contested)) Contested.Update(key, true);
            foreach (EntityKey key in store.MarkedKeys(EntityMarks.NamesBlobs)) NamingBlobs.Update(key, true);
            ReadSpaceAnew();
            PublishFences();
        }
        // Not the store's end: it may lie behind the last entry, and nothing would ever be found there.
        publishedEnd = store.ProjectedTo.Value;
        if (store.LogStart > store.ProjectedTo)
        {
            await ReplayAsync(Snapshots.Rebuild()).ConfigureAwait(false);
            NoteJoinedFences();
            publishedEnd = store.LogStart.Value;
        }
        foreach (LoggedEntry logged in store.ReadLog(PublishedEnd))
        {
            if (logged.Entry.Kind is LogEntryKind.SnapshotChunk or LogEntryKind.Snapshot or LogEntryKind.Floor)
            {
                if (!IsVoidSnapshot(logged.Entry)) await ReplayAsync(Snapshots.Replay(logged.Entry, PublishedEnd)).ConfigureAwait(false);
                if (logged.Entry.Kind == LogEntryKind.Snapshot)
                {
                    NoteJoinedFences();
                    DropNamed();
                }
            }
            else Replay(logged.Entry);
            publishedEnd = logged.Next.Value;
            await PublishReplayedAsync().ConfigureAwait(false);
        }
        Publish();
        Fences.EndReplay();
        RestoreOpenRun();
        await ProjectReplayedAsync().ConfigureAwait(false);
        isRestoring = false;
    }

    /// <summary>A snapshot is joined in steps: nobody reads yet, and joining it again leads to the same state.</summary>
    private async ValueTask ReplayAsync(IEnumerable<EntityKey> steps)
    {
        Cache.BeginUnit();
        foreach (EntityKey _ in steps) await PublishReplayedAsync().ConfigureAwait(false);
    }

    private async ValueTask PublishReplayedAsync()
    {
        if (Cache.UnpublishedStates < ReplayedStatesPerPublish) return;
        Publish();
        await ProjectReplayedAsync().ConfigureAwait(false);
    }

    /// <summary>A long replay goes into the projection on the way, so that memory stays bounded and the next opening is
    /// short.</summary>
    private async ValueTask ProjectReplayedAsync()
    {
        if (!store.IsProjecting || AwaitsNamed || projector.DirtyEntities < options.ProjectedEntitiesPerUpdate) return;
        _ = StartProjection();
        await projector.Ended.ConfigureAwait(false);
        Cache.Evict();
    }

    private void Replay(in LogEntry entry)
    {
        if (Fences.IsVoid(entry) || TryReplayFence(entry)) return;
        Cache.BeginUnit();
        int author = Authors.IndexOf(entry.Author);
        switch (entry.Kind)
        {
            // What stands before the floor of a pruned log is covered by the snapshot that the state began with.
            case LogEntryKind.Batch or LogEntryKind.Head when entry.LastSequence <= Authors[author].HeadSequence:
                break;
            case LogEntryKind.Batch:
                batchReader.Read(entry.Payload, entry.Author, entry.FirstSequence, foreign);
                Trust.Record(foreign, entry.Author, entry.FirstSequence);
                ApplyForeign(author, entry.FirstSequence, null);
                NoteFences(foreign);
                Authors.Advance(author, Authors[author] with { Applied = entry.LastSequence });
                break;
            case LogEntryKind.Head:
                byte[] head = entry.Payload[..AuthorTable.HashLengthBytes].ToArray();
                Authors.Advance(author, Authors[author] with
                {
                    HeadSequence = entry.LastSequence,
                    Head = head,
                    Signature = AuthorTable.SignatureOf(entry.Payload),
                });
                break;
            case LogEntryKind.Note when WatchNote.IsOne(entry.Payload):
                TakeNote(WatchNote.Decode(entry.Payload));
                break;
            case LogEntryKind.Note when Postponed.TryReplay(entry.Payload):
                break;
            default:
                var reader = new CanonicalReader(entry.Payload);
                Acknowledgements.Merge(AcknowledgementCodec.Read(ref reader), Authors);
                break;
        }
    }

    private void RestoreOpenRun()
    {
        if (Own.Applied == Own.HeadSequence) return;
        foreach (LoggedEntry logged in store.ReadLog(store.FindStart(Identity.Replica, Own.HeadSequence + 1)))
        {
            LogEntry entry = logged.Entry;
            if (entry.Kind != LogEntryKind.Batch || entry.Author != Identity.Replica
                || entry.FirstSequence <= Own.HeadSequence) continue;
            openRun.Add(entry.Payload.ToArray());
        }
        hasOpenRun = !openRun.IsEmpty;
        if (hasOpenRun && Trust.ReasonNotToWrite is { } reason)
            throw new NodeKeyException($"{reason} It has written what must be signed before anything else arrives.");
    }

    // ---- units ----

    private readonly record struct UnitMark(
        BatchColumns.Mark Own, long OwnBound, int Authors, TrustTable.Mark Trust, int Cache, int Entries, long EntriesLengthBytes,
        OwnRun.Mark Run, FenceTable Fences);

    private UnitMark Mark() =>
        new(own.Position, ownBound, Authors.Mark, Trust.Position, Cache.BeginUnit(), entries.Count, entriesLengthBytes,
            openRun.Position, inForce);

    private void Revert(UnitMark mark)
    {
        own.Truncate(mark.Own);
        ownBound = mark.OwnBound;
        Authors.Revert(mark.Authors);
        Trust.Revert(mark.Trust);
        Cache.Revert(mark.Cache);
        CollectionsMarshal.SetCount(entries, mark.Entries);
        entriesLengthBytes = mark.EntriesLengthBytes;
        openRun.Revert(mark.Run);
        inForce = mark.Fences;
    }

    private static ApplyException Fail(ApplyError error, BatchRun run, long sequence, string message) =>
        new(error, run.Author, sequence, message);
}
