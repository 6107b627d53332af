using System.Diagnostics;
using System.Globalization;
using Crdt.Bench.Workloads;
using Crdt.Store;

namespace Crdt.Bench.Quick;

/// <summary>Pages out of a long queue in real files, beside a reading of the whole log; and what the index costs those who
/// commit.</summary>
internal static class QueueRun
{
    private const int Entities = 20_000, Users = 200, PerTransaction = 1_000, PageItems = 50, Rounds = 5;

    public static void Run(int mutations)
    {
        string directory = Path.Combine(Path.GetTempPath(), "crdt-queue-bench-" + Guid.NewGuid().ToString("N"));
        try
        {
            Commits(directory);
            var store = FileReplicaStore.Create(Path.Combine(directory, "queue"), Identity());
            Replica replica = Open(store);
            Print("write", Time(() => Fill(replica, mutations)), mutations);
            Lab.Finish(replica.FlushAsync());
            Lab.Finish(replica.DisposeAsync());

            store = FileReplicaStore.Open(Path.Combine(directory, "queue"));
            Stopwatch opening = Stopwatch.StartNew();
            replica = Open(store);
            Print("open", opening.Elapsed, 0);
            Print($"zones: {store.ReadZones(default).Sum(z => (long)z.Content.Length) / 1024} KiB of contents", Time(() => store.ReadZones(default).Count()), 0);
            Page(replica, "first page of all, with the index loaded", 1, _ => new MutationFilter { Order = MutationOrder.NewestFirst });
            Page(replica, "by entity, newest first", Rounds, i => new MutationFilter { Key = Key(i * 3_571), Order = MutationOrder.NewestFirst });
            Page(replica, "by entity, oldest first", Rounds, i => new MutationFilter { Key = Key(i * 3_571) });
            Page(replica, "by user", Rounds, i => new MutationFilter { User = $"user{i * 37}", Order = MutationOrder.NewestFirst });
            Page(replica, "by status: pending, oldest first", Rounds, _ => new MutationFilter { Status = MutationStatus.Pending });
            Page(replica, "by status: failed (there is none)", Rounds, _ => new MutationFilter { Status = MutationStatus.Failed });
            Page(replica, "by an hour in the middle", Rounds, i => new MutationFilter { From = Start.AddMilliseconds(mutations / 2), To = Start.AddMilliseconds((mutations / 2) + 100 + i) });
            Page(replica, "by UUID", Rounds, i => new MutationFilter { Id = MutationId.Of(new Dot(replica.Id, 1 + (i * (mutations / Rounds)))) });
            Print("for comparison: by entity, the whole log read", Time(() => replica.Mutations().Count(q => q.Mutation.Key == Key(3_571))), 0);
            for (int i = 0; i < 3; i++)
            {
                int at = i;
                Print("the history of one entity, by the index", Time(() => replica.History(Key(3_571 * (at + 1))).Count()), 0);
                Print("an entity as it was in the middle", Time(() => _ = replica.GetAsOf(Key(3_571 * (at + 1)), Start.AddMilliseconds(mutations / 2))), 0);
            }
            Print("queues of one person's devices", Time(() => replica.Queues("user7").Count), 0);
            Lab.Finish(replica.DisposeAsync());
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static DateTimeOffset Start { get; } = new(2026, 5, 1, 8, 0, 0, TimeSpan.Zero);

    /// <summary>The same commits with the index and without it, by turns.</summary>
    private static void Commits(string directory)
    {
        const int Mutations = 100_000;
        var with = new List<(double Wall, double Cpu)>();
        var without = new List<(double Wall, double Cpu)>();
        for (int round = 0; round < 7; round++)
        {
            foreach (bool isIndexing in new[] { true, false })
            {
                IReplicaStore store = FileReplicaStore.Create(Path.Combine(directory, $"commits{round}{isIndexing}"), Identity());
                if (!isIndexing) store = new Unindexed(store);
                Replica replica = Open(store);
                TimeSpan cpu = Environment.CpuUsage.TotalTime;
                double wall = Time(() => Fill(replica, Mutations)).TotalMicroseconds / Mutations;
                Lab.Finish(replica.FlushAsync());
                double spent = (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / Mutations;
                // The first round is for the JIT.
                if (round > 0) (isIndexing ? with : without).Add((wall, spent));
                Lab.Finish(replica.DisposeAsync());
            }
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"commit, us a mutation, medians: wall {Median(with, w => w.Wall):F2} with the index, {Median(without, w => w.Wall):F2} without; processor, all threads, projection included: {Median(with, w => w.Cpu):F2} and {Median(without, w => w.Cpu):F2}; best: wall {with.Min(w => w.Wall):F2} and {without.Min(w => w.Wall):F2}, processor {with.Min(w => w.Cpu):F2} and {without.Min(w => w.Cpu):F2}"));
    }

    private static double Median(List<(double Wall, double Cpu)> figures, Func<(double Wall, double Cpu), double> of) =>
        figures.Select(of).Order().ElementAt(figures.Count / 2);

    private static ReplicaIdentity Identity() => new(Lab.Genesis.Space, Lab.IdOf(1), ReplicaRole.Client);

    private static Replica Open(IReplicaStore store) =>
        Lab.Finish(Replica.OpenAsync(store, new ReplicaOptions { Time = new Steps(), Genesis = Lab.Genesis }));

    private static EntityKey Key(int number) => FieldWorkload.Key(number % Entities);

    private static void Fill(Replica replica, int mutations)
    {
        for (int i = 0; i < mutations; i += PerTransaction)
        {
            Transaction transaction = replica.Begin($"user{i / PerTransaction % Users}");
            for (int n = i; n < i + PerTransaction; n++) transaction.Upsert(Key((int)(n * 7_919L % Entities))).Set("qty", n);
            Lab.Finish(transaction.CommitAsync());
        }
    }

    private static void Page(Replica replica, string name, int rounds, Func<int, MutationFilter> filter)
    {
        var times = new List<TimeSpan>();
        int items = 0;
        for (int i = 0; i < rounds; i++)
        {
            MutationFilter asked = filter(i);
            times.Add(Time(() => items = replica.Page(asked, PageItems).Items.Count));
        }
        times.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-48} {times[times.Count / 2].TotalMilliseconds,9:F2} ms (best {times[0].TotalMilliseconds:F2}), {items} items"));
    }

    private static TimeSpan Time(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start);
    }

    private static TimeSpan Time(Func<int> work) => Time(() => { _ = work(); });

    private static void Print(string name, TimeSpan time, int operations) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{name,-48} {time.TotalMilliseconds,9:F2} ms")
        + (operations == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {time.TotalMicroseconds / operations:F2} us each")));

    /// <summary>A clock that goes on by a millisecond with each look, so that times spread over the log.</summary>
    private sealed class Steps : TimeProvider
    {
        private long looks;

        public override DateTimeOffset GetUtcNow() => Start.AddMilliseconds(Interlocked.Increment(ref looks));
    }

    /// <summary>A store that is never asked to build zones.</summary>
    private sealed class Unindexed(IReplicaStore inner) : IReplicaStore
    {
        public ReplicaIdentity Identity => inner.Identity;

        public bool IsProjecting => inner.IsProjecting;

        public LogPosition ProjectedTo => inner.ProjectedTo;

        public ReadOnlyMemory<byte> Checkpoint => inner.Checkpoint;

        public LogPosition LogEnd => inner.LogEnd;

        public LogPosition LogStart => inner.LogStart;

        public LogPosition ZonedTo => inner.ZonedTo;

        public ValueTask<LogPosition> AppendAsync(
            ReadOnlyMemory<LogEntry> entries, bool isDurable, CancellationToken cancellationToken) =>
            inner.AppendAsync(entries, isDurable, cancellationToken);

        public ValueTask SyncAsync(CancellationToken cancellationToken) => inner.SyncAsync(cancellationToken);

        public IEnumerable<LoggedEntry> ReadLog(LogPosition from) => inner.ReadLog(from);

        public LogPosition FindStart(VersionVector covered) => inner.FindStart(covered);

        public LogPosition FindStart(ReplicaId author, long sequence) => inner.FindStart(author, sequence);

        public ValueTask PruneAsync(LogPosition floor, CancellationToken cancellationToken) => inner.PruneAsync(floor, cancellationToken);

        public ValueTask ProjectAsync(ProjectionUpdate update, CancellationToken cancellationToken) =>
            inner.ProjectAsync(update with { Zones = [] }, cancellationToken);

        public ValueTask ResetProjectionAsync(CancellationToken cancellationToken) => inner.ResetProjectionAsync(cancellationToken);

        public ReadOnlyMemory<byte>? ReadState(EntityKey key) => inner.ReadState(key);

        public IEnumerable<EntityKey> Keys(string? domain = null, string? type = null) => inner.Keys(domain, type);

        public IEnumerable<EntityKey> MarkedKeys(EntityMarks mark) => inner.MarkedKeys(mark);

        public IEnumerable<LogZone> ReadZones(LogPosition from) => inner.ReadZones(from);

        public IReadOnlyList<EntityIndex> Indexes => inner.Indexes;

        public ValueTask EnsureIndexAsync(EntityIndex index, CancellationToken cancellationToken) =>
            inner.EnsureIndexAsync(index, cancellationToken);

        public ValueTask<bool> DropIndexAsync(EntityIndex index, CancellationToken cancellationToken) =>
            inner.DropIndexAsync(index, cancellationToken);

        public IndexSearch? Find(string domain, string type, EntityFilter filter) => inner.Find(domain, type, filter);

        public IndexSearch? FindSorted(EntityIndex index, bool isDescending, EntityFilter? filter) =>
            inner.FindSorted(index, isDescending, filter);

        public IBlobStore Blobs => inner.Blobs;

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
