using System.Diagnostics;
using System.Globalization;
using Crdt.Bench.Workloads;
using Crdt.Store;
using LiteDB;

namespace Crdt.Bench.SideBySide;

/// <summary>Durable work on files, beside the bare disk and a plain LiteDB, in turns within one run; by the wall clock.</summary>
internal static class DiskWork
{
    private const int Turns = 7, CommitsPerTurn = 200, Callers = 64, RoundsPerTurn = 20, BatchesPerTurn = 20, MutationsPerBatch = 1_000;

    public static void Run(Rows rows)
    {
        string root = Path.Combine(Path.GetTempPath(), $"crdt-side-by-side-{Environment.ProcessId}");
        Directory.CreateDirectory(root);
        try
        {
            Commits(rows, root);
            Applying(rows, root);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static void Commits(Rows rows, string root)
    {
        Replica replica = Create(root, "commits", 1);
        long before = LogBytes(root, "commits");
        Commit(replica, 0);
        int length = (int)(LogBytes(root, "commits") - before);
        byte[] record = new byte[Math.Max(64, length)];
        using var raw = new FileStream(Path.Combine(root, "raw"), FileMode.Create, FileAccess.Write, FileShare.None, 0);
        List<double> bare = [], single = [], many = [];
        int n = 0;
        for (int turn = -1; turn < Turns; turn++)
        {
            double rawUs = Time(() =>
            {
                for (int i = 0; i < CommitsPerTurn; i++)
                {
                    raw.Write(record);
                    raw.Flush(flushToDisk: true);
                }
            }) / CommitsPerTurn;
            double commitUs = Time(() =>
            {
                for (int i = 0; i < CommitsPerTurn; i++) Commit(replica, n++);
            }) / CommitsPerTurn;
            double sharedUs = Time(() =>
            {
                Task[] callers = [.. Enumerable.Range(0, Callers).Select(c => Task.Run(async () =>
                {
                    for (int i = 0; i < RoundsPerTurn; i++) await replica.CommitAsync(t => t.Upsert(KeyOf((c * 100) + i)).Set("f", i)).ConfigureAwait(false);
                }))];
                Task.WaitAll(callers);
            }) / (Callers * RoundsPerTurn);
            if (turn < 0) continue;
            bare.Add(rawUs);
            single.Add(commitUs);
            many.Add(sharedUs);
        }
        Lab.Finish(replica.DisposeAsync());
        rows.Add("disk.appendFsync", Microseconds(bare, record.Length));
        System.Text.Json.Nodes.JsonObject one = rows.Add("disk.commit1", Microseconds(single, length));
        one["rateToRaw"] = Rows.Round(Rows.Median(bare) / Rows.Median(single));
        System.Text.Json.Nodes.JsonObject shared = rows.Add("disk.commit64", Microseconds(many, length));
        shared["rateToRaw"] = Rows.Round(Rows.Median(bare) / Rows.Median(many));
    }

    private static void Applying(Rows rows, string root)
    {
        Replica writer = Lab.Open(1);
        FieldWrite[] writes = FieldWorkload.Inserts((Turns + 1) * BatchesPerTurn * MutationsPerBatch / 10);
        for (int i = 0; i < writes.Length; i += MutationsPerBatch)
        {
            Lab.Write(writer, writes.AsSpan(i, MutationsPerBatch), MutationsPerBatch);
            Lab.Finish(writer.CloseRunAsync(CancellationToken.None));
        }
        List<BatchRun> runs = Lab.RunsOf(writer);
        byte[][] batches = [.. runs.SelectMany(r => r.Batches).Select(b => b.ToArray())];
        Replica replica = Create(root, "applied", 2);
        using var lite = new LiteDatabase(Path.Combine(root, "lite.db"));
        ILiteCollection<BsonDocument> blobs = lite.GetCollection("log");
        List<double> ours = [], projected = [], theirs = [];
        int perTurn = runs.Count / (Turns + 1), next = 0, blob = 0;
        for (int turn = -1; turn < Turns; turn++)
        {
            List<BatchRun> part = runs.GetRange(next, perTurn);
            next += perTurn;
            int mutations = part.Sum(r => (int)(r.LastSequence - r.FirstSequence + 1));
            double logUs = Time(() => Lab.Apply(replica, part)) / mutations;
            double projectionUs = logUs + (Time(() => Lab.Finish(replica.FlushAsync())) / mutations);
            int count = part.Sum(r => r.Batches.Count);
            double liteUs = Time(() =>
            {
                for (int i = 0; i < count; i++, blob++) blobs.Insert(new BsonDocument { ["_id"] = blob, ["v"] = batches[blob] });
                lite.Checkpoint();
            }) / mutations;
            if (turn < 0) continue;
            ours.Add(logUs);
            projected.Add(projectionUs);
            theirs.Add(liteUs);
        }
        Lab.Finish(replica.DisposeAsync());
        rows.Add("disk.liteBlobs", Microseconds(theirs, null));
        System.Text.Json.Nodes.JsonObject log = rows.Add("disk.apply1000", Microseconds(ours, null));
        log["rateToRaw"] = Rows.Round(Rows.Median(theirs) / Rows.Median(ours));
        System.Text.Json.Nodes.JsonObject whole = rows.Add("disk.apply1000.projected", Microseconds(projected, null));
        whole["rateToRaw"] = Rows.Round(Rows.Median(theirs) / Rows.Median(projected));
    }

    private static System.Text.Json.Nodes.JsonObject Microseconds(List<double> us, int? bytes)
    {
        var row = new System.Text.Json.Nodes.JsonObject
        {
            ["runs"] = us.Count,
            ["us"] = Rows.Round(Rows.Median(us)),
            ["usMin"] = Rows.Round(us.Min()),
            ["clock"] = "wall",
        };
        if (bytes is { } length) row["bytes"] = length;
        return row;
    }

    private static double Time(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalMicroseconds;
    }

    private static void Commit(Replica replica, int n)
    {
        Transaction transaction = replica.Begin();
        transaction.Upsert(KeyOf(n % 100)).Set("f", n);
        Lab.Finish(transaction.CommitAsync());
    }

    private static EntityKey KeyOf(int entity) => new("d", "t", string.Create(CultureInfo.InvariantCulture, $"e{entity:D7}"));

    private static long LogBytes(string root, string name) =>
        new DirectoryInfo(Path.Combine(root, name)).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length);

    private static Replica Create(string root, string name, int number) => Lab.Finish(Replica.OpenAsync(
        FileReplicaStore.Create(Path.Combine(root, name), new ReplicaIdentity(Lab.Genesis.Space, Lab.IdOf(number), ReplicaRole.Client)),
        new ReplicaOptions { Time = TimeProvider.System, Genesis = Lab.Genesis }));
}
