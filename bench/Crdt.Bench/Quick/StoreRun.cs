using System.Diagnostics;
using System.Globalization;
using Crdt.Bench.SideBySide;
using Crdt.Bench.Workloads;
using Crdt.Store;
using LiteDB;

namespace Crdt.Bench.Quick;

/// <summary>What files cost: durable commits beside the bare disk and a plain LiteDB, in turns within one run; and opening a large
/// replica in processes of their own.</summary>
internal static class StoreRun
{
    private const int CommitsPerTurn = 100;
    private const int Turns = 7;
    private const int Openings = 7;
    private const int FieldsPerEntity = 10;
    private const int EntitiesPerTransaction = 100;
    private const int PerLargeCommit = 1_000;

    private static readonly string Root = Path.Combine(Path.GetTempPath(), "crdt-bench-store");

    /// <param name="fields">How many field values the large replica holds.</param>
    public static void Run(int fields)
    {
        if (Directory.Exists(Root)) Directory.Delete(Root, recursive: true);
        Directory.CreateDirectory(Root);
        Commits();
        QueryRun.Run(Root);
        foreach (bool isEncrypted in new[] { false, true }) Open(fields, isEncrypted);
        Directory.Delete(Root, recursive: true);
        Figures.Write();
    }

    /// <summary>Opens a replica as a process that does nothing else; tells milliseconds to the open replica, to the first read
    /// and to the second commit, by the clock and by the processor, and the process's memory.</summary>
    public static void OpenOnce(string directory, int fields) =>
        Console.WriteLine(string.Join(' ', OpenHere(directory, fields).Select(static f => f.ToString("F1", CultureInfo.InvariantCulture))));

    /// <summary>The figures of <see cref="OpenOnce"/>, of this process.</summary>
    public static double[] OpenHere(string directory, int fields)
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan before = Environment.CpuUsage.TotalTime;
        using StoreKey? key = KeyFor(FileReplicaStore.IsEncrypted(directory));
        Replica replica = Lab.Finish(Replica.OpenAsync(FileReplicaStore.Open(directory, key), Options()));
        double opened = Stopwatch.GetElapsedTime(start).TotalMilliseconds, openedCpu = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
        int entity = fields / FieldsPerEntity / 2;
        if (replica.Get(KeyOf(entity))?.GetInteger("f7") != entity * 7L) throw new InvalidOperationException("The field read holds something else.");
        double read = Stopwatch.GetElapsedTime(start).TotalMilliseconds, readCpu = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
        Lab.Finish(replica.CommitAsync(t => t.Update(KeyOf(entity)).Set("f7", entity * 7L)));
        Lab.Finish(replica.CommitAsync(t => t.Update(KeyOf(entity + 1)).Set("f9", 1L)));
        double written = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        long heap = GC.GetTotalMemory(false);
        double compiling = System.Runtime.JitInfo.GetCompilationTime().TotalMilliseconds;
        Lab.Finish(replica.DisposeAsync());
        return [opened, openedCpu, read, readCpu, written, heap, Process.GetCurrentProcess().WorkingSet64, compiling, before.TotalMilliseconds];
    }

    private static void Commits()
    {
        using var raw = new FileStream(Path.Combine(Root, "raw"), FileMode.Create, FileAccess.Write, FileShare.None, 0);
        using var lite = new LiteDatabase(Path.Combine(Root, "lite.db"));
        Replica plain = Create("plain", false), encrypted = Create("encrypted", true);
        ILiteCollection<BsonDocument> documents = lite.GetCollection("d");
        byte[] record = new byte[200], many = new byte[PerLargeCommit * 38];
        int n = 0;
        (string Name, Action Work, List<double> Us)[] rows =
        [
            ("append of 200 bytes and fsync", () =>
            {
                raw.Write(record);
                raw.Flush(flushToDisk: true);
            }, []),
            ("durable commit of one field", () => Commit(plain, Durability.Durable), []),
            ("durable commit of one field, encrypted", () => Commit(encrypted, Durability.Durable), []),
            ("relaxed commit of one field", () => Commit(plain, Durability.Relaxed), []),
            ("stock LiteDB: one document (not durable when it returns)", () => documents.Upsert(new BsonDocument { ["_id"] = n, ["v"] = n }), []),
            ("append of 38,000 bytes and fsync", () =>
            {
                raw.Write(many);
                raw.Flush(flushToDisk: true);
            }, []),
            ("durable commit of 1,000 fields", () => Commit(plain, Durability.Durable, PerLargeCommit), []),
            ("stock LiteDB: 1,000 documents in one transaction", () =>
            {
                lite.BeginTrans();
                for (int i = 0; i < PerLargeCommit; i++) documents.Upsert(new BsonDocument { ["_id"] = (n % 100) + (i * 100), ["v"] = n });
                lite.Commit();
            }, []),
        ];
        for (int turn = -1; turn < Turns; turn++)
        {
            foreach ((string name, Action work, List<double> us) in rows)
            {
                for (int i = 0; i < (name.Contains(",000", StringComparison.Ordinal) ? CommitsPerTurn / 10 : CommitsPerTurn); i++)
                {
                    n++;
                    long start = Stopwatch.GetTimestamp();
                    work();
                    if (turn >= 0) us.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
                }
            }
        }
        Console.WriteLine($"{"wall clock, microseconds",-60} {"p50",8} {"p90",8} {"best",8}");
        foreach ((string name, Action _, List<double> us) in rows)
        {
            us.Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,-60} {us[us.Count / 2],8:F0} {us[us.Count * 9 / 10],8:F0} {us[0],8:F0}"));
            Figures.Add(name, "us", us);
        }
        Lab.Finish(plain.DisposeAsync());
        Lab.Finish(encrypted.DisposeAsync());

        void Commit(Replica replica, Durability durability, int fields = 1)
        {
            Transaction transaction = replica.Begin();
            transaction.Durability = durability;
            for (int i = 0; i < fields; i++) transaction.Upsert(KeyOf((n % 100) + (i * 100))).Set("f", (long)n);
            Lab.Finish(transaction.CommitAsync());
        }
    }

    /// <summary>Writes a large replica.</summary>
    /// <returns>Its directory.</returns>
    public static string WriteLarge(string name, int fields, bool isEncrypted)
    {
        Directory.CreateDirectory(Root);
        Replica replica = Create(name, isEncrypted);
        int entities = fields / FieldsPerEntity;
        for (int first = 0; first < entities; first += EntitiesPerTransaction)
        {
            Transaction transaction = replica.Begin();
            transaction.Durability = Durability.Relaxed;
            for (int e = first; e < Math.Min(entities, first + EntitiesPerTransaction); e++)
            {
                EntityEdit edit = transaction.Upsert(KeyOf(e));
                for (int f = 0; f < FieldsPerEntity; f++) edit.Set($"f{f}", (long)e * f);
            }
            Lab.Finish(transaction.CommitAsync());
        }
        Lab.Finish(replica.DisposeAsync());
        return Path.Combine(Root, name);
    }

    /// <summary>The figures of <see cref="OpenOnce"/> in a process of its own.</summary>
    public static double[] OpenInProcessOfItsOwn(string directory, int fields) =>
        [.. SideBySideRun.Start(out _, "open", directory, fields.ToString(CultureInfo.InvariantCulture))
            .Split(' ', StringSplitOptions.TrimEntries).Select(static p => double.Parse(p, CultureInfo.InvariantCulture))];

    private static void Open(int fields, bool isEncrypted)
    {
        string name = isEncrypted ? "large-encrypted" : "large";
        long start = Stopwatch.GetTimestamp();
        int entities = fields / FieldsPerEntity;
        string directory = WriteLarge(name, fields, isEncrypted);
        long bytes = new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name}: {fields} field values in {entities} entities, {bytes >> 20} MiB, written in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s"));
        var rows = new List<double[]>();
        for (int i = 0; i < Openings; i++) rows.Add(OpenInProcessOfItsOwn(directory, fields));
        foreach ((string what, int column, double unit) in new[]
        {
            ("open in a fresh process, without the runtime's start, ms", 0, 1.0), ("   processor time, ms", 1, 1),
            ("to the first read, ms", 2, 1), ("   processor time, ms", 3, 1), ("to the second durable commit, ms", 4, 1),
            ("managed memory then, MiB", 5, 1 << 20), ("the process's memory then, MiB", 6, 1 << 20),
            ("of all that the runtime compiled code for, ms", 7, 1),
            ("the runtime's own start before that, processor time, ms", 8, 1),
        })
        {
            double[] values = [.. rows.Select(r => r[column] / unit).Order()];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{what,-60} {values[values.Length / 2],8:F0} (best {values[0]:F0})"));
            Figures.Add($"{name}: {what.Trim()}", "", values);
        }
    }

    private static Replica Create(string name, bool isEncrypted)
    {
        using StoreKey? key = KeyFor(isEncrypted);
        var identity = new ReplicaIdentity(Lab.Genesis.Space, Lab.IdOf(1), ReplicaRole.Client);
        return Lab.Finish(Replica.OpenAsync(
            FileReplicaStore.Create(Path.Combine(Root, name), identity, key), Options() with { Genesis = Lab.Genesis, CachedEntitiesMax = 20_000 }));
    }

    private static ReplicaOptions Options() => new() { Time = TimeProvider.System };

    private static StoreKey? KeyFor(bool isEncrypted) => isEncrypted ? StoreKey.FromBytes(new byte[StoreKey.LengthBytes]) : null;

    private static EntityKey KeyOf(int entity) => new("d", "t", entity.ToString("D7", CultureInfo.InvariantCulture));
}
