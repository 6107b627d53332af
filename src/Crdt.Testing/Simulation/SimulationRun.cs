using System.Buffers;
using System.IO.Hashing;

namespace Crdt.Testing.Simulation;

/// <summary>One run: virtual time, the events in its order, and what they do to the replicas. One thread does all.</summary>
internal sealed partial class SimulationRun
{
    // Every so many steps all vectors are looked at together, so that the model can forget.
    private const int StepsPerSurvey = 512;

    private readonly PriorityQueue<SimulatedEvent, (long TimeUs, long Ordinal)> queue = new();
    private readonly List<SimulatedConnection> connections = [];
    private readonly ArrayBufferWriter<byte> outgoing = new(1 << 16);
    private readonly SpaceGenesis genesis;
    private readonly IStepSource steps;
    private long ordinal;
    private int nextConnection;
    private ulong hash;
    private readonly SimulationRandom furtherIds;
    private PartitionStep? partition;

    public SimulationRun(SimulationSetup setup, int checkEvery, IStepSource steps)
    {
        (Setup, this.steps) = (setup, steps);
        History = new SpaceHistory { Branches = setup.HasForks ? new BranchHistory() : null };
        furtherIds = new SimulationRandom(setup.IdSeed ^ 0xF08C5);
        var random = new SimulationRandom(setup.IdSeed);
        ReplicaId authority = DrawId(random);
        ReplicaId[] ids = [.. setup.Devices.Select(_ => DrawId(random))];
        genesis = Found(authority, ids);
        History.IndexOf(genesis.Authority);
        foreach (DeviceSetup device in setup.Devices) Devices.Add(Create(device, ids[Devices.Count]));
        foreach (SimulatedDevice device in Devices) device.Applied = new long[History.AuthorCount];
        Checks = new InvariantChecks(this, checkEvery);
        delays = new SimulationRandom(setup.IdSeed ^ 0xB10B5);
        TakeFounding();
        foreach (SimulatedDevice device in Devices) Open(device);
    }

    public SimulationSetup Setup { get; }

    public SpaceHistory History { get; }

    public List<SimulatedDevice> Devices { get; } = [];

    public IReadOnlyList<SimulatedConnection> Connections => connections;

    public SimulationFigures Figures { get; } = new();

    public InvariantChecks Checks { get; }

    public ISimulationListener? Listener { get; set; }

    /// <summary>Virtual time in microseconds.</summary>
    public long NowUs { get; private set; }

    /// <summary>A hash of every event so far: equal for equal runs.</summary>
    public ulong Hash => hash;

    /// <summary>Takes all steps, or fails with the first violation.</summary>
    /// <exception cref="ViolationException">Something does not hold.</exception>
    public void Run(Action<SimulationFigures>? onProgress, CancellationToken cancellationToken)
    {
        while (NextStep() is { } step)
        {
            cancellationToken.ThrowIfCancellationRequested();
            RunEvents(step.At);
            NowUs = Math.Max(NowUs, step.At);
            Take(step);
            if (Figures.Steps % StepsPerSurvey != 0) continue;
            Checks.Survey();
            Tell(onProgress);
        }
        Tell(onProgress);
    }

    /// <summary>Whether bytes can pass between two replicas.</summary>
    public bool CanReach(int a, int b) =>
        partition is not { } p || ((p.Group >> a) & 1) == ((p.Group >> b) & 1);

    /// <summary>Whether there is an open connection between two replicas.</summary>
    public bool IsConnected(int a, int b) =>
        Devices[a].Connections.Exists(c => c.Devices[0].Index == b || c.Devices[1].Index == b);

    /// <summary>The result of something that must not have waited.</summary>
    public static T Now<T>(ValueTask<T> task) => task.IsCompleted ? task.GetAwaiter().GetResult() : throw Suspended();

    /// <summary>The end of something that must not have waited.</summary>
    public static void Now(ValueTask task)
    {
        if (!task.IsCompleted) throw Suspended();
        task.GetAwaiter().GetResult();
    }

    private SimulationStep? NextStep()
    {
        (Figures.VirtualSeconds, Figures.Mutations) = (NowUs / 1e6, History.Mutations);
        return steps.Next(this);
    }

    private void Tell(Action<SimulationFigures>? onProgress)
    {
        (Figures.VirtualSeconds, Figures.Mutations) = (NowUs / 1e6, History.Mutations);
        onProgress?.Invoke(Figures);
    }

    // ---- events ----

    private static ViolationException Suspended() => new("suspended", "",
        "The engine waited for something, though its store completes at once: the run would not repeat.");

    private void Schedule(long atUs, SimulatedEvent what) => queue.Enqueue(what, (Math.Max(atUs, NowUs), ordinal++));

    private void RunEvents(long untilUs)
    {
        while (queue.TryPeek(out _, out (long TimeUs, long) due) && due.TimeUs <= untilUs) RunEvent();
    }

    private void RunEvent()
    {
        queue.TryDequeue(out SimulatedEvent what, out (long TimeUs, long) due);
        NowUs = Math.Max(NowUs, due.TimeUs);
        Figures.Events++;
        Mix((ulong)due.TimeUs);
        Mix(((ulong)what.Kind << 48) | ((ulong)what.Side << 32) | (uint)(what.Subject?.Id ?? 0));
        switch (what.Kind)
        {
            case EventKind.Arrive:
                if (what.Subject!.IsOpen) Receive(what.Subject, what.Side, what.Bytes!);
                break;
            case EventKind.Look:
                Look(what.Subject!, what.Side);
                break;
            case EventKind.Cut:
                if (!what.Subject!.IsOpen) break;
                Figures.Cuts++;
                Close(what.Subject, "cut");
                break;
            case EventKind.Restart:
                SimulatedDevice device = Devices[what.Side];
                if (device.Replica is null && device.DownUs <= NowUs) Restart(device);
                break;
            case EventKind.DiskRoom:
                Devices[what.Side].Store.IsFull = false;
                break;
            case EventKind.PartitionEnd:
                partition = null;
                break;
            case EventKind.Beside:
                GoOnBeside(Devices[what.Side]);
                break;
            case EventKind.Watch:
                Watch(what.Subject!, what.Side);
                break;
        }
    }

    private void Mix(ulong bits) => hash = SimulationRandom.Scramble(hash ^ bits) + 0x9E3779B97F4A7C15;

    // ---- steps ----

    private void Take(SimulationStep step)
    {
        Figures.Steps++;
        Mix((ulong)step.At);
        Listener?.OnStep(step, NowUs);
        switch (step)
        {
            case CommitStep commit:
                Commit(Devices[commit.Replica], replica => CommitAsync(replica, Devices[commit.Replica], commit));
                break;
            case HandleStep handle:
                Commit(Devices[handle.Replica], replica => HandleAsync(replica, handle));
                break;
            case LookStep look:
                SimulatedDevice at = Devices[look.Replica];
                var key = EntityKey.Parse(look.Entity);
                if (at.Replica?.GetWithDeleted(key) is { } entity) at.Seen[key] = entity;
                break;
            case ConnectStep connect:
                if (!CanReach(connect.A, connect.B)) break;
                if (IsConnected(connect.A, connect.B)) Figures.Duplicates++;
                if (connect.Quality.BytesPerSecond <= LinkQuality.SlowBytesPerSecondMax) Figures.SlowSessions++;
                Connect(connect.A, connect.B, connect.Quality);
                break;
            case CutStep cut:
                foreach (SimulatedConnection connection in Between(cut.A, cut.B))
                {
                    Figures.Cuts++;
                    Close(connection, "cut");
                }
                break;
            case StallStep stall:
                Stall(stall);
                break;
            case PartitionStep split:
                Figures.Outages++;
                Figures.Partitions++;
                partition = split;
                foreach (SimulatedConnection connection in connections.ToArray())
                {
                    if (CanReach(connection.Devices[0].Index, connection.Devices[1].Index)) continue;
                    Figures.Cuts++;
                    Close(connection, "partition");
                }
                Schedule(NowUs + split.DurationUs, new SimulatedEvent(EventKind.PartitionEnd, null, 0, null));
                break;
            case CrashStep crash:
                Take(crash);
                break;
            case FullDiskStep full:
                Figures.FullDisks++;
                Devices[full.Replica].Store.IsFull = true;
                Schedule(NowUs + full.DurationUs, new SimulatedEvent(EventKind.DiskRoom, null, full.Replica, null));
                break;
            case ClockStep clock:
                if (clock.JumpMs == 0) Figures.ClockDrifts++;
                else Figures.ClockJumps++;
                Devices[clock.Replica].Clock.Set(clock.JumpMs, clock.DriftPpm);
                break;
            case StaleStep stale:
                HandOver(stale);
                break;
            case SnapshotStep snapshot:
                TakeSnapshot(Devices[snapshot.Replica]);
                break;
            case PruneStep prune:
                Prune(Devices[prune.Replica]);
                break;
            case PurgeStep purge:
                Purge(Devices[purge.Replica]);
                break;
            case BackUpStep backUp:
                Devices[backUp.Replica].Backup = Devices[backUp.Replica].Store.Copy();
                break;
            case RestoreStep restore:
                Restore(Devices[restore.Replica], Devices[restore.From]);
                break;
            case RetireStep retire:
                Retire(Devices[retire.Server], Devices[retire.Replica]);
                break;
            case AttachStep attach:
                Attach(Devices[attach.Replica], attach);
                break;
            case EvictStep evict:
                Evict(Devices[evict.Replica], ContentOf(evict.Content, evict.LengthBytes).Blob.Root);
                break;
            case CollectStep collect:
                Collect(Devices[collect.Replica]);
                break;
            case QuiesceStep quiesce:
                Quiesce(quiesce);
                break;
        }
    }

    private static ValueTask<CommitResult> CommitAsync(Replica replica, SimulatedDevice device, CommitStep step)
    {
        Transaction transaction = replica.Begin(step.User);
        foreach (SimulatedEdit edit in step.Edits) Note(transaction, replica, device, edit);
        return transaction.CommitAsync();
    }

    private ValueTask<CommitResult> HandleAsync(Replica replica, HandleStep step)
    {
        if (!RefusalTable.TryParse(EntityKey.Parse(step.Refusal), out Dot first) || replica.FindRefusal(first) is not { } refused)
            return ValueTask.FromResult(default(CommitResult));
        Figures.Handled++;
        return step.Handling switch
        {
            RefusalHandling.Reassigned => replica.ReassignAsync(refused, "dora", step.User),
            RefusalHandling.Discarded => replica.DiscardAsync(refused, step.User),
            _ when step.Change is { } change => replica.ResubmitAsync(refused, Changing, step.User),
            _ => replica.ResubmitAsync(refused, step.User),
        };

        void Changing(EntityEdit edit)
        {
            if (edit.Kind != EditKind.Delete) step.Change.On(edit);
        }
    }

    private void Commit(SimulatedDevice device, Func<Replica, ValueTask<CommitResult>> commit)
    {
        if (device.Replica is not { } replica) return;
        long before = History.Branches is not null ? 0 : device.Applied[History.IndexOf(device.Identity.Replica)];
        CommitResult result = default;
        List<(SimulatedConnection Connection, int Side)> overtaking = FindIdle(device);
        try
        {
            result = Now(commit(replica));
            Figures.Commits++;
            if (result.Count > 0) BeginOvertaking(overtaking);
        }
        catch (MutationException)
        {
            Figures.Rejected++;
        }
        catch (TransactionTooLargeException)
        {
            Figures.Rejected++;
        }
        catch (Exception e) when (HasFailed(device, e))
        {
            Figures.FailedWrites++;
        }
        Mix((ulong)result.FirstSequence);
        Mix((ulong)result.Count);
        Listener?.OnEvent(device, NowUs, result.Count > 0 ? DiagramMark.Commit : DiagramMark.Rejected,
            result.Count == 0 ? "nothing committed"
                : $"{device.Name}:{result.FirstSequence}{(result.Count > 1 ? $"-{result.FirstSequence + result.Count - 1}" : "")}");
        Settle(device);
        if (device.Replica is not null) Checks.CheckCommit(device, before, result);
    }

    private static void Note(Transaction transaction, Replica replica, SimulatedDevice device, SimulatedEdit edit)
    {
        if (edit.Kind == EditKind.Resolve)
        {
            NoteResolution(transaction, replica, edit);
            return;
        }
        if (TryNotePolicy(transaction, edit)) return;
        var key = EntityKey.Parse(edit.Entity);
        Entity? seen = edit.AsSeen ? device.Seen.GetValueOrDefault(key) : null;
        EntityEdit noted = edit.Kind switch
        {
            EditKind.Create => transaction.Create(key),
            EditKind.Update => seen is null ? transaction.Update(key) : transaction.Update(seen),
            EditKind.Delete => seen is null ? transaction.Delete(key) : transaction.Delete(seen),
            _ => transaction.Upsert(key),
        };
        foreach (SimulatedOp op in edit.Ops) op.On(noted);
    }

    private static bool TryNotePolicy(Transaction transaction, SimulatedEdit edit)
    {
        const string Conflicts = "policy:", Existence = "existence:";
        if (edit.Entity.StartsWith(Conflicts, StringComparison.Ordinal))
            transaction.SetPolicy(PolicyScope.Parse(edit.Entity[Conflicts.Length..]), Enum.Parse<ConflictPolicy>(edit.Ops[0].Text));
        else if (edit.Entity.StartsWith(Existence, StringComparison.Ordinal))
            transaction.SetPolicy(PolicyScope.Parse(edit.Entity[Existence.Length..]), Enum.Parse<ExistencePolicy>(edit.Ops[0].Text));
        else return false;
        return true;
    }

    private static void NoteResolution(Transaction transaction, Replica replica, SimulatedEdit edit)
    {
        Conflict? conflict = replica.Get(EntityKey.Parse(edit.Entity))?.Conflicts()
            .FirstOrDefault(c => c.Kind is ConflictKind.Values or ConflictKind.Kinds);
        if (conflict is null) return;
        if (edit.Ops is [var op]) transaction.Resolve(conflict, Value.ParseJson(op.Text));
        else if (conflict.Kind == ConflictKind.Values) transaction.Resolve(conflict, conflict.Siblings[^1]);
    }

    private void Stall(StallStep stall)
    {
        foreach (SimulatedConnection connection in Between(stall.From, stall.To))
        {
            Figures.Outages++;
            int side = connection.Devices[0].Index == stall.From ? 0 : 1;
            connection.Stall(side, NowUs + stall.DurationUs);
            if (stall.BothWays) connection.Stall(1 - side, NowUs + stall.DurationUs);
        }
    }

    private void Take(CrashStep crash)
    {
        SimulatedDevice device = Devices[crash.Replica];
        if (device.Replica is null) return;
        (device.KeptNotes, device.NextDownUs) = (crash.KeptNotes, crash.DownUs);
        (device.Store.CrashAtWrite, device.Store.KeepsCrashWrite) = (crash.AtWrite, crash.IsWriteKept);
        if (crash.AtWrite == 0) Crash(device, "crash");
    }

    private void HandOver(StaleStep stale)
    {
        if (History.Branches is not null) return;
        SimulatedDevice from = Devices[stale.From], to = Devices[stale.To];
        int at = (int)(from.Store.LogEnd.Value * stale.Place / 1_000_000);
        for (int i = 0; i < stale.Runs && from.Store.RunAt(at, out at) is { } run && to.Replica is { } replica; i++)
        {
            Figures.StaleRuns++;
            // What a fence has cut off stands in logs, and counts nowhere.
            if (replica.Writer.Fences.Table.IsBeyond(run.Author, run.LastSequence)) continue;
            int author = History.IndexOf(run.Author);
            long applied = to.Applied[author];
            bool isCovered = run.LastSequence <= applied, isNext = run.FirstSequence == applied + 1;
            bool wasNews = false;
            string outcome;
            try
            {
                wasNews = Now(replica.ApplyAsync(run, CancellationToken.None));
                outcome = wasNews ? "news" : "known";
                if (isCovered == wasNews || (wasNews && !isNext))
                {
                    throw new ViolationException("stale-run", "CV-2",
                        $"{to.Name} held {run.Author} up to {applied} and took {run.FirstSequence}-{run.LastSequence} as {outcome}.");
                }
            }
            catch (ApplyException e)
            {
                outcome = $"refused, {e.Error}";
                ApplyError[] expected = run.Author == to.Identity.Replica ? [ApplyError.OwnLogForked]
                    : to.Applied.All(a => a == 0) ? [ApplyError.WrongSpace, ApplyError.Gap, ApplyError.UnknownObservedDot]
                    : isNext ? [ApplyError.UnknownObservedDot] : [ApplyError.Gap];
                if (isCovered || !expected.Contains(e.Error))
                {
                    throw new ViolationException("stale-run", "CV-2",
                        $"{to.Name} held {run.Author} up to {applied} and refused {run.FirstSequence}-{run.LastSequence}: {e.Message}", e);
                }
            }
            catch (StoreFailure)
            {
                Figures.FailedWrites++;
                outcome = "not written";
            }
            Mix(wasNews ? 1u : 0u);
            Listener?.OnEvent(to, NowUs, DiagramMark.Note, $"from {from.Name}'s log {run.FirstSequence}-{run.LastSequence}: {outcome}");
            Settle(to);
        }
    }

    private void TakeSnapshot(SimulatedDevice device)
    {
        if (device.Replica is not { Role: not ReplicaRole.Client } replica || replica.Vector.Count == 0) return;
        try
        {
            Snapshot snapshot = Now(replica.TakeSnapshotAsync());
            Figures.Snapshots++;
            Mix((ulong)snapshot.Digest.Value);
            Listener?.OnEvent(device, NowUs, DiagramMark.Note, $"snapshot of {snapshot.Vector.Sum(d => d.Sequence)} mutations");
        }
        catch (StoreFailure)
        {
            Figures.FailedWrites++;
        }
        Settle(device);
    }

    private void Purge(SimulatedDevice device)
    {
        if (device.Replica is not { Role: not ReplicaRole.Client } replica || replica.Vector.Count == 0) return;
        try
        {
            PurgeResult result = Now(replica.PurgeAsync());
            Figures.Purged += result.Purged;
            Mix((ulong)result.Purged);
            Listener?.OnEvent(device, NowUs, DiagramMark.Note, $"purged {result.Purged} entities");
        }
        catch (StoreFailure)
        {
            Figures.FailedWrites++;
        }
        Settle(device);
    }

    private void Prune(SimulatedDevice device)
    {
        if (device.Replica is not { } replica) return;
        try
        {
            PruneResult result = Now(replica.PruneAsync());
            if (result.Outcome == PruneOutcome.Pruned) Figures.Prunings++;
            Mix((ulong)result.Outcome);
            Listener?.OnEvent(device, NowUs, DiagramMark.Note, $"prune: {result.Outcome}");
        }
        catch (StoreFailure)
        {
            Figures.FailedWrites++;
        }
        catch (InvalidOperationException e) when (e.InnerException is StoreFailure)
        {
            Figures.FailedWrites++;
        }
        Settle(device);
    }

    // ---- ids used twice ----

    private void Restore(SimulatedDevice device, SimulatedDevice from)
    {
        if (from.Backup is not { } backup || History.Branches is not { } branches) return;
        if (device.Replica is not null) Crash(device, "files replaced");
        if (from == device) Figures.Restored++;
        else Figures.Cloned++;
        SimulatedStore old = device.Store;
        device.Store = backup.Copy();
        branches.NoteReplaced(old, Devices.Select(d => d.Store));
        Open(device);
        Listener?.OnEvent(device, NowUs, DiagramMark.Restart, $"restored from a copy of {from.Name}");
        Settle(device);
    }

    private void Retire(SimulatedDevice server, SimulatedDevice device)
    {
        if (server.Replica is not { } replica || replica.Vector.Count == 0 || History.Branches is null) return;
        try
        {
            CommitResult result = Now(replica.FenceAsync(device.Identity.Replica, FenceReason.Retired));
            Figures.Retired++;
            Mix((ulong)result.FirstSequence);
            Listener?.OnEvent(server, NowUs, DiagramMark.Note, $"retires {device.Name}");
        }
        catch (MutationException)
        {
            Figures.Rejected++;
        }
        catch (Exception e) when (HasFailed(server, e))
        {
            Figures.FailedWrites++;
        }
        Settle(server);
    }

    /// <summary>Whether the store failed, now or when the state was to be begun anew.</summary>
    private static bool HasFailed(SimulatedDevice device, Exception error) =>
        error is StoreFailure || (error is InvalidOperationException && device.Replica is { Writer.IsStopped: true });

    // ---- processes ----

    private void Crash(SimulatedDevice device, string why)
    {
        Figures.Crashes++;
        Listener?.OnEvent(device, NowUs, DiagramMark.Crash, why);
        foreach (SimulatedConnection connection in device.Connections.ToArray()) Close(connection, why);
        device.Replica = null;
        device.Beside.Clear();
        device.Seen.Clear();
        device.DownUs = NowUs + device.NextDownUs;
        Schedule(device.DownUs, new SimulatedEvent(EventKind.Restart, null, device.Index, null));
    }

    private void Restart(SimulatedDevice device)
    {
        device.Store.Restart(device.KeptNotes);
        Open(device);
        Listener?.OnEvent(device, NowUs, DiagramMark.Restart, "restart");
    }

    private void Open(SimulatedDevice device)
    {
        DeviceSetup setup = Setup.Devices[device.Index];
        var options = new ReplicaOptions
        {
            Time = device.Clock,
            Genesis = setup.HasFounding ? genesis : null,
            CachedEntitiesMax = Math.Max(100, setup.CachedEntities),
            ProjectedEntitiesPerUpdate = setup.ProjectedPerUpdate,
            Admission = setup.RefusesOneIn > 0 ? new SimulatedAdmission((ulong)device.Index + 1, setup.RefusesOneIn, Figures) : null,
            Beside = work => BeginBeside(device, work),
            Blobs = PolicyOf(setup),
        };
        if (Setup.IsKeyed)
        {
            options = options with
            {
                Signatures = DeterministicSignatures.Instance,
                Key = DeterministicSignatures.KeyOf(device.Store.FirstId),
            };
        }
        if (Setup.HasForks) options = options with { NewReplicaId = () => DrawId(furtherIds) };
        device.Replica = Now(Replica.OpenAsync(device.Store, options));
        device.Store.News.Clear();
        Checks.CheckReopened(device);
        Checks.CheckClaims(device);
    }

    /// <summary>After anything was asked of a replica: whether it survived it, what it applied, whom that concerns.</summary>
    private void Settle(SimulatedDevice device)
    {
        if (device.Store.HasCrashed)
        {
            Figures.TornWrites++;
            Crash(device, "crash in a write");
            return;
        }
        if (Setup.HasForks && device.Replica is { Writer.IsStopped: true })
        {
            Crash(device, "could not begin anew");
            return;
        }
        if (device.Replica is not { } replica) return;
        bool hasNews = device.Store.News.Count > 0;
        if (hasNews) Checks.CheckNews(device);
        long version = replica.Writer.Acknowledgements.Version + replica.Mesh.Version;
        if (!hasNews && version == device.StatementsVersion) return;
        device.StatementsVersion = version;
        foreach (SimulatedConnection connection in device.Connections) AskLook(connection, connection.Devices[0] == device ? 0 : 1);
    }

    // ---- connections ----

    private List<SimulatedConnection> Between(int a, int b) =>
        Devices[a].Connections.FindAll(c => c.Devices[0].Index == b || c.Devices[1].Index == b);

    private SimulatedConnection? Connect(int a, int b, LinkQuality quality)
    {
        if (Devices[a].Replica is null || Devices[b].Replica is null) return null;
        var connection = new SimulatedConnection(nextConnection++, Devices[a], Devices[b], quality, Setup.Bug);
        connections.Add(connection);
        Devices[a].Connections.Add(connection);
        Devices[b].Connections.Add(connection);
        if (Setup.HasAttachments) JoinBlobs(connection);
        Figures.Sessions++;
        Listener?.OnEvent(Devices[a], NowUs, DiagramMark.Connection, $"connects to {Devices[b].Name}");
        AskLook(connection, 0);
        AskLook(connection, 1);
        return connection;
    }

    private void Close(SimulatedConnection connection, string why)
    {
        if (!connection.IsOpen) return;
        connection.IsOpen = false;
        connections.Remove(connection);
        foreach (SimulatedDevice device in connection.Devices) device.Connections.Remove(connection);
        foreach (SyncSession session in connection.Sessions) session.Dispose();
        foreach (BlobExchange exchange in connection.Blobs) exchange.Dispose();
        Listener?.OnEvent(connection.Devices[0], NowUs, DiagramMark.Connection, $"parts from {connection.Devices[1].Name}: {why}");
    }

    private void AskLook(SimulatedConnection connection, int side)
    {
        if (connection.TryAskLook(side))
            Schedule(NowUs + connection.Quality.ReactionUs, new SimulatedEvent(EventKind.Look, connection, side, null));
    }

    private void Look(SimulatedConnection connection, int side)
    {
        connection.TakeLook(side);
        if (!connection.IsOpen) return;
        if (connection.BusyUntilUs(side) > NowUs)
        {
            connection.TryAskLook(side);
            Schedule(connection.BusyUntilUs(side), new SimulatedEvent(EventKind.Look, connection, side, null));
            return;
        }
        SimulatedDevice device = connection.Devices[side];
        bool hasMessage = Setup.Bug == PlantedBug.BlobsFirst && SendBlobs(connection, side), isBlob = hasMessage;
        outgoing.ResetWrittenCount();
        try
        {
            hasMessage = hasMessage || Now(connection.Sessions[side].WriteNextAsync(outgoing, CancellationToken.None));
        }
        catch (SyncException e) when (Setup.HasForks && e.Error is SyncError.Rebuilt)
        {
            Close(connection, "began anew");
        }
        catch (Exception e) when (HasFailed(device, e))
        {
            Figures.FailedWrites++;
            Close(connection, "could not write");
        }
        if (!hasMessage && connection.IsOpen) isBlob = hasMessage = SendBlobs(connection, side);
        if (hasMessage)
        {
            if (!isBlob) Send(connection, side);
            connection.TryAskLook(side);
            Schedule(connection.BusyUntilUs(side), new SimulatedEvent(EventKind.Look, connection, side, null));
        }
        else if (connection is { IsOpen: true, Quality.EndsInSync: true } && connection.IsQuiet(NowUs) && !AwaitsBlobs(connection)
            && connection.Sessions[0].IsInSync && connection.Sessions[1].IsInSync)
        {
            Checks.CheckEnd(connection);
            Close(connection, "in sync");
        }
        // What was told of and does not come is asked for after a while.
        if (connection.IsOpen && connection.Sessions[side].Patience is { } patience
            && connection.TryAskLaterLook(side, NowUs, NowUs + (long)patience.TotalMicroseconds + 1) is { } laterUs)
        {
            Schedule(laterUs, new SimulatedEvent(EventKind.Look, connection, side, null));
        }
        Settle(device);
    }

    private void Send(SimulatedConnection connection, int side, bool isBlob = false)
    {
        Figures.Messages++;
        Figures.Bytes += outgoing.WrittenCount;
        Mix(XxHash3.HashToUInt64(outgoing.WrittenSpan));
        if (connection.Overtakings[side] is { } overtaking) Overtake(connection, side, overtaking, isBlob ? outgoing.WrittenCount : 0);
        connection.Send(side, outgoing.WrittenSpan, NowUs, (at, bytes) => Schedule(at, bytes is null
            ? new SimulatedEvent(EventKind.Cut, connection, side, null)
            : new SimulatedEvent(EventKind.Arrive, connection, 1 - side, bytes)), isBlob);
        if (isBlob) Figures.BlobBytes += outgoing.WrittenCount;
        else Listener?.OnMessage(connection, side, NowUs, outgoing.WrittenMemory);
    }

    private void Receive(SimulatedConnection connection, int side, byte[] bytes)
    {
        SimulatedDevice device = connection.Devices[side];
        SyncSession session = connection.Sessions[side];
        foreach ((bool isBlob, ReadOnlyMemory<byte> message) in connection.Receive(side, bytes))
        {
            try
            {
                if (isBlob) Now(connection.Blobs[side].ReceiveAsync(message, CancellationToken.None));
                else Now(session.ReceiveAsync(new ReadOnlySequence<byte>(message), CancellationToken.None));
                if (!isBlob && connection.TakeClock(side)) Now(session.NotePeerClockAsync(Skew(connection, side), 2 * connection.Quality.LatencyUs / 1_000, CancellationToken.None));
            }
            catch (SyncException e) when (Setup.HasForks && e.Error is SyncError.Rebuilt or SyncError.SameReplica)
            {
                Close(connection, "began anew");
            }
            catch (SyncException e)
            {
                throw new ViolationException("honest-peer-refused", "CV-14",
                    $"{device.Name} refused what {connection.Devices[1 - side].Name} sent ({e.Error}): {e.Message}", e);
            }
            catch (Exception e) when (HasFailed(device, e))
            {
                Figures.FailedWrites++;
                Close(connection, "could not write");
            }
            Settle(device);
            if (!connection.IsOpen) return;
        }
        AskLook(connection, side);
    }

    private static long Skew(SimulatedConnection connection, int side) =>
        (long)(connection.Devices[1 - side].Clock.GetUtcNow() - connection.Devices[side].Clock.GetUtcNow()).TotalMilliseconds;

    // ---- healing ----

    private void Quiesce(QuiesceStep step)
    {
        Figures.Quiescences++;
        partition = null;
        foreach (SimulatedConnection connection in connections.ToArray()) Close(connection, "healing");
        foreach (SimulatedDevice device in Devices)
        {
            (device.Store.IsFull, device.Store.CrashAtWrite) = (false, 0);
            if (device.Replica is null) Restart(device);
        }
        queue.Clear();
        foreach (SimulatedDevice device in Devices) ResumeBeside(device);
        long sessions = Figures.Sessions;
        if (History.Branches is not null) MeetUntilSettled();
        else if (step.InTurn) MeetInTurn();
        else MeetAtOnce();
        Figures.SessionsToHeal = Math.Max(Figures.SessionsToHeal, Figures.Sessions - sessions);
        if (Setup.HasAttachments) MeetForAttachments(step.InTurn || History.Branches is not null);
        if (History.Branches is not null) Checks.CheckForks();
        if (step.EndsForks && History.Branches is not null) History.EndBranches(Devices);
        if (History.Branches is null) Checks.CheckQuiescence(step.IsLast);
        if (Setup.HasAttachments) Checks.CheckAttachments(step.InTurn || Setup.HasForks ? Tree() : Setup.Links);
        foreach (SimulatedConnection connection in connections.ToArray()) Close(connection, "healed");
    }

    /// <summary>Every link holds one session, until nobody has anything to say.</summary>
    private void MeetAtOnce()
    {
        foreach (LinkSetup link in Setup.Links) Connect(link.A, link.B, LinkQuality.Good);
        Drain(Setup.Links.Count);
        foreach (SimulatedConnection connection in connections) InvariantChecks.CheckInSync(connection, "with one session on each link");
    }

    /// <summary>Up a tree of links and down again, one meeting at a time: 2(n - 1) sessions bring all to all. Where
    /// several servers may mark what they learn on the way down, as many again bring the marks to all.</summary>
    private void MeetInTurn()
    {
        List<LinkSetup> tree = Tree();
        int rounds = Setup.Devices.Count(d => d.Role != ReplicaRole.Client) > 1 ? 2 : 1;
        for (int round = 0; round < rounds; round++)
        {
            foreach (LinkSetup link in Enumerable.Reverse(tree).Concat(tree))
            {
                SimulatedConnection connection = Connect(link.A, link.B, LinkQuality.Good)!;
                Drain(1);
                InvariantChecks.CheckInSync(connection, "in a meeting of two");
                Close(connection, "met");
            }
        }
    }

    /// <summary>The same where ids are used twice. A meeting begins anew for each fence that is heard of and each new id; a
    /// fork may be noticed on the way, fenced on the way back, and what was cut off is written again after that.</summary>
    private void MeetUntilSettled()
    {
        const int Rounds = 6;
        List<LinkSetup> tree = Tree();
        for (int round = 0; round < Rounds; round++) MeetAlong(tree);
    }

    private void MeetAlong(List<LinkSetup> tree)
    {
        const int RestartsMax = 50;
        foreach (LinkSetup link in Enumerable.Reverse(tree).Concat(tree))
        {
            for (int tries = 0; ; tries++)
            {
                SimulatedConnection connection = Connect(link.A, link.B, LinkQuality.Good)!;
                Drain(1);
                if (!connection.IsOpen && tries < RestartsMax) continue;
                InvariantChecks.CheckInSync(connection, "in a meeting of two");
                Close(connection, "met");
                break;
            }
        }
    }

    /// <summary>The links of a tree that holds all, from the first replica (a server, if there is one) outwards.</summary>
    private List<LinkSetup> Tree()
    {
        var tree = new List<LinkSetup>();
        var reached = new List<int> { 0 };
        for (int i = 0; i < reached.Count; i++)
        {
            foreach (LinkSetup link in Setup.Links)
            {
                int other = link.A == reached[i] ? link.B : link.B == reached[i] ? link.A : -1;
                if (other < 0 || reached.Contains(other)) continue;
                reached.Add(other);
                tree.Add(link);
            }
        }
        return tree;
    }

    private void Drain(int sessions)
    {
        // Each batch passes each link at most once in either direction, with an acknowledgement each; all else is little.
        long limit = Figures.Events + (Setup.HasAttachments ? 1_000_000 : 100_000) + (20 * (History.Mutations + 100) * sessions);
        while (queue.Count > 0)
        {
            RunEvent();
            if (Figures.Events > limit)
                throw new ViolationException("no-rest", "CV-14", $"After {limit} events there is still something to say in {sessions} sessions.");
        }
    }

    // ---- founding ----

    private static ReplicaId DrawId(SimulationRandom random)
    {
        Span<byte> bytes = stackalloc byte[ReplicaId.LengthBytes];
        random.Fill(bytes);
        return ReplicaId.FromRandom(bytes);
    }

    private SpaceGenesis Found(ReplicaId authority, ReplicaId[] ids) => SpaceGenesis.Create(authority, "simulation",
    [
        new(PolicyScope.Parse("d/t/first"), ConflictPolicy.FirstWriteWins),
        new(PolicyScope.Parse("d/t/merged"), ConflictPolicy.Merge),
        new(PolicyScope.Parse("d/t/manual"), ConflictPolicy.Manual),
        new(PolicyScope.Parse("e"), ConflictPolicy.Manual),
        new(PolicyScope.Parse("d/t/server"), ConflictPolicy.ServerWins),
        new(PolicyScope.Parse("d/t/client"), ConflictPolicy.ClientWins),
    ], new SimulatedClock(() => NowUs), Setup.IsKeyed ? DeterministicSignatures.KeyOf(authority) : null,
        Setup.IsKeyed ? ids.Select((id, i) => new Enrolment(
            id, DeterministicSignatures.KeyOf(id).PublicKey, Setup.Devices[i].Role)) : null);

    private void TakeFounding()
    {
        BatchRun run = genesis.ToRun();
        History.Intern(new LogEntry(LogEntryKind.Batch, run.Author, run.FirstSequence, run.LastSequence, run.Batches[0]), true);
        History.Intern(new LogEntry(LogEntryKind.Head, run.Author, run.LastSequence, run.LastSequence, run.Head), true);
    }

    private SimulatedDevice Create(DeviceSetup setup, ReplicaId id)
    {
        var identity = new ReplicaIdentity(genesis.Space, id, setup.Role);
        var store = new SimulatedStore(identity, History, setup.IsProjecting, Setup.Bug, setup.HasZones);
        return new SimulatedDevice(Devices.Count, store, new SimulatedClock(() => NowUs));
    }
}
