namespace Crdt.Testing.Simulation;

/// <summary>Draws the steps of a run. What kind of run it is, which faults are frequent and which never happen, is drawn
/// first: so that seeds differ in more than their noise.</summary>
internal sealed class StepGenerator : IStepSource
{
    private const int QuiescencesPerRun = 8;
    private const long LongRun = 50_000;

    // What costs as much as the state is large happens about as often in a longer run as in one of this length.
    private const long OperationsPerSnapshots = 400_000;

    // So often in a huge run a server makes a snapshot and purges, and some drop the beginning of their logs, beside what is
    // drawn: so that each such run has it in numbers.
    private const int PruningsPerRun = 24;

    // A log that ends, or splits, makes every replica begin its state anew from its log. So in a huge run ids come to be used
    // twice, so often, before it is healed for the first time; snapshots, pruning and stale deliveries follow after that.
    private const int ForkActsPerHugeRun = 32;

    private readonly SimulationOptions options;
    private readonly SimulationRandom random;
    private readonly EditGenerator edits;
    private readonly AttachmentGenerator? attachments;
    private readonly (int Weight, Func<SimulationRun, SimulationStep?> Make)[] faults;
    private readonly int faultWeights, stepsPerFault, stepsPerConnect, burstMax, changesOneIn;
    private readonly bool keepsSessions, isHuge, mayHandle;
    private readonly long stepUs, quiesceEvery;
    private readonly Queue<SimulationStep> prunings = [];
    private IReadOnlyList<LinkSetup> links;
    private long atUs, nextQuiesce, nextPruning, nextFork = long.MaxValue;
    private int burst, burstAt, forkActs;
    private bool isDone, hasForks;

    public StepGenerator(SimulationOptions options, SimulationSetup setup)
    {
        this.options = options;
        random = new SimulationRandom(options.Seed ^ 0x5DEECE66D);
        edits = new EditGenerator(random, options.Operations, setup.HasForks);
        attachments = setup.HasAttachments ? new AttachmentGenerator(options) : null;
        links = setup.Links;
        stepUs = random.Magnitude(1_000, 500_000);
        // What is written in one go travels in one run. A long run of single writes would be one of messages only.
        burstMax = options.Operations > LongRun ? (int)random.Magnitude(100, 800) : (int)random.Magnitude(2, 60);
        stepsPerConnect = (int)random.Magnitude(2, 20);
        keepsSessions = random.Next(2) == 0;
        mayHandle = setup.Devices.Any(d => d.RefusesOneIn > 0);
        isHuge = options.Operations > SimulationSetup.HugeRun;
        hasForks = setup.HasForks;
        stepsPerFault = (int)(isHuge ? random.Magnitude(2, 8) : random.Magnitude(2, 40));
        changesOneIn = options.Topology is null or Topology.Changing && random.OneIn(3) ? (int)random.Magnitude(20, 500) : 0;
        quiesceEvery = Math.Max(200, options.Operations / QuiescencesPerRun);
        nextQuiesce = quiesceEvery;
        nextPruning = isHuge && options.Faults.HasFlag(Fault.Pruning) && setup.Devices[0].Role != ReplicaRole.Client
            ? options.Operations / PruningsPerRun : long.MaxValue;
        if (isHuge && hasForks) nextFork = quiesceEvery / ForkActsPerHugeRun;
        faults =
        [
            .. new (Fault Fault, Func<SimulationRun, SimulationStep?> Make)[]
            {
                (Fault.Partition, Partition), (Fault.OneWayLoss, OneWayLoss), (Fault.Cut, Cut), (Fault.Duplicate, Duplicate),
                (Fault.Stale, Stale), (Fault.Crash, Crash), (Fault.TornWrite, TornWrite), (Fault.FullDisk, FullDisk),
                (Fault.Pruning, Pruning), (Fault.ClockJump, ClockJump), (Fault.ClockDrift, ClockDrift),
            }.Where(f => options.Faults.HasFlag(f.Fault)).Select(f => (f.Fault, Weight: 1 + (random.Next(4) * random.Next(4)), f.Make))
                .Where(f => isHuge || !hasForks || f.Fault is not (Fault.Stale or Fault.Pruning)).Select(f => (f.Weight, f.Make)),
            .. hasForks && !isHuge ? Forks(options.Faults) : [],
        ];
        faultWeights = faults.Sum(f => f.Weight);
    }

    private IEnumerable<(int Weight, Func<SimulationRun, SimulationStep?> Make)> Forks(Fault faults)
    {
        if ((faults & (Fault.RestoredBackup | Fault.ClonedDevice)) != 0) yield return (2, BackUp);
        if (faults.HasFlag(Fault.RestoredBackup)) yield return (1, run => Restore(run, isOwn: true));
        if (faults.HasFlag(Fault.ClonedDevice)) yield return (1, run => Restore(run, isOwn: false));
        if (faults.HasFlag(Fault.Retirement)) yield return (1, Retire);
    }

    public SimulationStep? Next(SimulationRun run)
    {
        if (isDone) return null;
        if (run.History.Mutations >= options.Operations)
        {
            isDone = true;
            return new QuiesceStep(atUs, random.Next(2) == 0, IsLast: true);
        }
        if (run.History.Mutations >= nextQuiesce)
        {
            nextQuiesce = run.History.Mutations + quiesceEvery;
            bool endsForks = isHuge && hasForks;
            if (endsForks) (hasForks, nextFork) = (false, long.MaxValue);
            return new QuiesceStep(atUs, random.Next(2) == 0, IsLast: false, endsForks);
        }
        atUs = Math.Max(atUs, run.NowUs);
        if (burst > 0 && run.Devices[burstAt].Replica is { } writing)
        {
            burst--;
            // Within a millisecond or a few: timestamps of one device follow each other closely.
            atUs += random.Next(burstMax > 60 ? 150 : 1_500);
            return new CommitStep(atUs, burstAt, edits.User(), edits.Transaction(writing));
        }
        atUs += random.Next(2 * stepUs);
        if (changesOneIn > 0 && random.OneIn(changesOneIn))
            links = SimulationSetup.DrawLinks(random, options.Replicas, Topology.Random);
        if (prunings.TryDequeue(out SimulationStep? pruning)) return pruning with { At = atUs };
        if (run.History.Mutations >= nextFork && NextFork(run) is { } fork) return fork;
        if (run.History.Mutations >= nextPruning && !hasForks) EnqueuePruning(run);
        if (faultWeights > 0 && random.OneIn(stepsPerFault) && DrawFault(run) is { } fault) return fault;
        if (random.OneIn(stepsPerConnect) && Connect(run) is { } connect) return connect;
        if (attachments?.Next(run, atUs) is { } attachment) return attachment;
        burstAt = random.Next(run.Devices.Count);
        if (mayHandle && random.OneIn(8) && Handle(run) is { } handle) return handle;
        if (random.OneIn(6)) return new LookStep(atUs, burstAt, edits.Entity());
        burst = random.Next(burstMax);
        edits.BeginBurst();
        return run.Devices[burstAt].Replica is { } replica
            ? new CommitStep(atUs, burstAt, edits.User(), edits.Transaction(replica))
            : new LookStep(atUs, burstAt, edits.Entity());
    }

    /// <summary>Mostly by whoever uses the device: sent again, changed or not, given to somebody else, or given up; now and then
    /// what was decided about before.</summary>
    private HandleStep? Handle(SimulationRun run)
    {
        if (run.Devices[burstAt].Replica is not { } replica) return null;
        EntityKey[] keys = [.. replica.Writer.Cache.Keys(EntityKey.SpaceDomain, RefusalTable.EntityType)];
        if (keys.Length == 0 || FindRefused(replica, keys) is not { } refused) return null;
        string refusal = RefusalTable.KeyOf(refused.First).ToString();
        return random.Next(5) switch
        {
            0 => new HandleStep(atUs, burstAt, edits.User(), refusal, RefusalHandling.Reassigned),
            1 => new HandleStep(atUs, burstAt, edits.User(), refusal, RefusalHandling.Discarded),
            2 => new HandleStep(atUs, burstAt, edits.User(), refusal, RefusalHandling.Resubmitted, edits.Op()),
            _ => new HandleStep(atUs, burstAt, edits.User(), refusal, RefusalHandling.Resubmitted),
        };
    }

    /// <summary>One of which nobody has decided yet, or any one at times: a few are looked at, for there may be thousands.</summary>
    private RefusedTransaction? FindRefused(Replica replica, EntityKey[] keys)
    {
        const int LookedAtMax = 16;
        int from = random.Next(keys.Length);
        bool openOnly = !random.OneIn(4);
        for (int i = 0; i < Math.Min(LookedAtMax, keys.Length); i++)
        {
            if (RefusalTable.TryParse(keys[(from + i) % keys.Length], out Dot first) && replica.FindRefusal(first) is { } refused
                && (!openOnly || refused.Handling is RefusalHandling.Open or RefusalHandling.Reassigned)) return refused;
        }
        return null;
    }

    private void EnqueuePruning(SimulationRun run)
    {
        nextPruning = run.History.Mutations + (options.Operations / PruningsPerRun);
        int server = random.Pick([.. run.Devices.Where(d => d.Identity.Role != ReplicaRole.Client)]).Index;
        prunings.Enqueue(new SnapshotStep(0, server));
        prunings.Enqueue(new PruneStep(0, server));
        for (int i = 0; i < 3; i++) prunings.Enqueue(new PruneStep(0, Replica()));
        prunings.Enqueue(new PurgeStep(0, server));
    }

    private SimulationStep? DrawFault(SimulationRun run)
    {
        int drawn = random.Next(faultWeights);
        foreach ((int weight, Func<SimulationRun, SimulationStep?> make) in faults)
        {
            if ((drawn -= weight) < 0) return make(run);
        }
        return null;
    }

    private ConnectStep? Connect(SimulationRun run)
    {
        LinkSetup link = random.Pick(links);
        return run.IsConnected(link.A, link.B) ? null : new ConnectStep(atUs, link.A, link.B, Quality());
    }

    private LinkQuality Quality()
    {
        bool isSlow = options.Faults.HasFlag(Fault.SlowPeer) && random.OneIn(12);
        return new LinkQuality(
            (int)random.Magnitude(100, isSlow ? 5_000_000 : 300_000),
            isSlow ? random.Magnitude(1_000, LinkQuality.SlowBytesPerSecondMax) : random.Magnitude(100_000, 100_000_000),
            random.OneIn(4) ? (int)random.Magnitude(1, 1_460) : 0,
            (int)random.Magnitude(50, 50_000),
            CutAfter(), CutAfter(),
            !keepsSessions || random.OneIn(4));
    }

    private long CutAfter() => options.Faults.HasFlag(Fault.Cut) && random.OneIn(6) ? random.Magnitude(1, 200_000) : 0;

    private int Replica() => random.Next(options.Replicas);

    /// <summary>From about one step of the others to hundreds.</summary>
    private long Duration() => random.Magnitude(stepUs, 300 * stepUs);

    private PartitionStep Partition(SimulationRun run)
    {
        ulong group = random.NextBits() & ((1UL << (options.Replicas - 1)) - 1);
        return new PartitionStep(atUs, group, Duration());
    }

    private StallStep? OneWayLoss(SimulationRun run)
    {
        if (run.Connections.Count == 0) return null;
        SimulatedConnection connection = random.Pick(run.Connections);
        int side = random.Next(2);
        return new StallStep(
            atUs, connection.Devices[side].Index, connection.Devices[1 - side].Index, random.OneIn(4), Duration());
    }

    private CutStep? Cut(SimulationRun run)
    {
        if (run.Connections.Count == 0) return null;
        SimulatedConnection connection = random.Pick(run.Connections);
        return new CutStep(atUs, connection.Devices[0].Index, connection.Devices[1].Index);
    }

    private ConnectStep? Duplicate(SimulationRun run)
    {
        if (run.Connections.Count == 0) return null;
        SimulatedConnection connection = random.Pick(run.Connections);
        return new ConnectStep(atUs, connection.Devices[1].Index, connection.Devices[0].Index, Quality());
    }

    private StaleStep? Stale(SimulationRun run)
    {
        if (hasForks) return null;
        int from = Replica(), to = Replica();
        // The newest runs are the ones that may be news.
        int place = random.OneIn(2) ? random.Next(1_000_000) : 1_000_000 - (int)random.Magnitude(1, 100_000);
        return from == to ? null : new StaleStep(atUs, from, to, place, (int)random.Magnitude(1, 20));
    }

    private CrashStep Crash(SimulationRun run) =>
        new(atUs, Replica(), Duration(), 0, false, random.Next(8));

    private CrashStep TornWrite(SimulationRun run) =>
        new(atUs, Replica(), Duration(), (int)random.Magnitude(1, 30), random.Next(2) == 0, random.Next(8));

    private SimulationStep? Pruning(SimulationRun run)
    {
        SimulatedDevice[] servers = [.. run.Devices.Where(d => d.Identity.Role != ReplicaRole.Client)];
        if (servers.Length == 0 || hasForks) return null;
        int choice = random.Next(4), oneIn = (int)(options.Operations / OperationsPerSnapshots) * (isHuge ? 8 : 1);
        if (choice > 1) return new PruneStep(atUs, Replica());
        if (oneIn > 1 && !random.OneIn(oneIn)) return null;
        return choice == 0 ? new SnapshotStep(atUs, random.Pick(servers).Index) : new PurgeStep(atUs, random.Pick(servers).Index);
    }

    private BackUpStep BackUp(SimulationRun run) => new(atUs, Pick(run, ReplicaRole.Client));

    private RestoreStep? Restore(SimulationRun run, bool isOwn)
    {
        int from = Pick(run, ReplicaRole.Client), to = isOwn ? from : Pick(run, ReplicaRole.Client);
        return (from == to) == isOwn && run.Devices[from].Backup is not null ? new RestoreStep(atUs, to, from) : null;
    }

    private RetireStep Retire(SimulationRun run) => new(atUs, Pick(run, ReplicaRole.Server), Pick(run, ReplicaRole.Client));

    /// <summary>In a huge run: in turn a backup, and what may be made of one; or a device is retired.</summary>
    private SimulationStep? NextFork(SimulationRun run)
    {
        nextFork += quiesceEvery / ForkActsPerHugeRun;
        int act = forkActs++;
        if (act % 2 == 0) return BackUp(run);
        int[] copied = [.. run.Devices.Where(static d => d.Backup is not null).Select(static d => d.Index)];
        int from = copied.Length == 0 ? 0 : random.Pick(copied);
        int[] others = [.. run.Devices.Where(d => d.Identity.Role == ReplicaRole.Client && d.Index != from).Select(static d => d.Index)];
        return (act / 2 % 3) switch
        {
            0 when options.Faults.HasFlag(Fault.RestoredBackup) && copied.Length > 0 => new RestoreStep(atUs, from, from),
            1 when options.Faults.HasFlag(Fault.ClonedDevice) && copied.Length > 0 && others.Length > 0 =>
                new RestoreStep(atUs, random.Pick(others), from),
            2 when options.Faults.HasFlag(Fault.Retirement) => Retire(run),
            _ => null,
        };
    }

    private int Pick(SimulationRun run, ReplicaRole role) =>
        random.Pick([.. run.Devices.Where(d => d.Identity.Role == role)]).Index;

    private FullDiskStep FullDisk(SimulationRun run) => new(atUs, Replica(), Duration());

    private ClockStep ClockJump(SimulationRun run)
    {
        long jump = random.Next(8) switch
        {
            0 => -100L * 365 * 86_400_000, // To 1970.
            1 => random.Between(-40, 40) * 86_400_000,
            2 or 3 => random.Between(-7_200_000, 7_200_000),
            _ => random.Between(-3_000, 3_000),
        };
        return new ClockStep(atUs, Replica(), jump, (int)random.Between(-200, 200));
    }

    private ClockStep ClockDrift(SimulationRun run) =>
        new(atUs, Replica(), 0, (int)random.Between(-50_000, 50_000));
}
