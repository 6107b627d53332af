using System.Globalization;

namespace Crdt.Bench.SideBySide;

/// <summary>The aims of docs/performance.md beside what was measured, all in one run, as Markdown.</summary>
internal static class TargetTable
{
    private sealed record Aim(string What, double? Ours, string Limit, double? Allowed);

    public static void Print(string folder)
    {
        var results = new Results(folder);
        Console.WriteLine("| | measured | aim | allowed | |");
        Console.WriteLine("| --- | ---: | --- | ---: | --- |");
        foreach (Aim aim in Aims(results))
        {
            string verdict = aim is { Ours: { } ours, Allowed: { } allowed }
                ? ours <= allowed ? "met" : string.Create(CultureInfo.InvariantCulture, $"{ours / allowed:F1} times")
                : "not measured";
            Console.WriteLine($"| {aim.What} | {Number(aim.Ours)} | {aim.Limit} | {Number(aim.Allowed)} | {verdict} |");
        }
        (double median, double max) = results.Noise;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"\nSystems in this run: {string.Join(", ", results.Systems)}. A fixed loop around each step: {median:F0} ms (worst {max:F0})."));
    }

    private static IEnumerable<Aim> Aims(Results r)
    {
        double? Ours(string id, string key = "nsPerOp") => r["crdt", id, key];
        double? chain = Ours("W1.chain.tx1");
        double? commit = Ours("W1.insert.tx1") - chain;
        yield return new("W1 insert, 1 write per transaction, ns (the chain apart)", commit, "0.5 of Akka", 0.5 * r["akka", "W1.insert.tx1", "nsPerOp"]);
        yield return new("", commit, "0.1 of Yjs", 0.1 * r["yjs", "W1.insert.tx1", "nsPerOp"]);
        yield return new("", commit, "2 of the C# floor", 2 * r["floor", "W1.insert.tx1", "nsPerOp"]);
        yield return new("hash chain, ns for a batch of one write", chain, "none", null);
        yield return new("signature, ns for a run", Ours("W1.sign"), "none", null);
        yield return new("W1 insert, 100 per transaction, ns", Ours("W1.insert.tx100"), "0.25 of Yjs", 0.25 * r["yjs", "W1.insert.tx100", "nsPerOp"]);
        yield return new("W1 update, 100 per transaction, ns", Ours("W1.update.tx100"), "0.2 of Yjs", 0.2 * r["yjs", "W1.update.tx100", "nsPerOp"]);
        yield return new("W2 one big update, then read all, ns", Ours("W2.bigRead"), "0.3 of Loro", 0.3 * r["loro", "W2.bigRead", "nsPerOp"]);
        yield return new("W2 1,000 incremental updates, ns", Ours("W2.inc"), "0.2 of Loro", 0.2 * r["loro", "W2.inc", "nsPerOp"]);
        yield return new("W3 full state, 100k fields, bytes per field", Ours("W3.full", "perField"), "10", 10);
        yield return new("W3 the same, compressed", Ours("W3.full", "gzip") / Field.Fields, "5.4", 5.4);
        foreach ((int size, double bytes) in new[] { (1, 45.0), (10, 220.0), (100, 1_500.0) })
            yield return new($"W3 delta of {size}, bytes of batch", r["crdt", "W3.delta", "bytes", ("ops", size)], Number(bytes), bytes);
        foreach ((int size, double bytes) in new[] { (1, 21.0), (10, 120.0), (100, 1_000.0) })
            yield return new($"W3 delta of {size} on an open session, bytes", r["crdt", "W3.delta", "session", ("ops", size)], Number(bytes), bytes);
        yield return new("W3 after 100k overwrites, bytes per field above fresh", Ours("W3.aged", "overFreshPerField"), "1.5", 1.5);
        yield return new("W4 five replicas merging, ms", Ours("W4.merge", "ms"), "0.15 of Yjs", 0.15 * r["yjs", "W4.merge", "ms"]);
        yield return new("W4 deltas, bytes", Ours("W4.merge", "deltaBytes"), "1.2 M", 1.2e6);
        foreach ((int fields, string kind) in new[] { (10_000, "base"), (100_000, "base"), (1_000_000, "base"), (100_000, "aged"), (10_000, "sessions") })
        {
            string where = $"{Number(fields)} fields, {kind}";
            yield return new($"W5 sync of 100 changes, {where}, bytes", r["crdt", "W5.sync", "bytes", ("fields", fields), ("kind", kind)], "1,700", 1_700);
            yield return new($"W5 the same, ms", r["crdt", "W5.sync", "ms", ("fields", fields), ("kind", kind)], "1", 1);
            yield return new($"W5 nothing changed, {where}, bytes", r["crdt", "W5.sync", "idleBytes", ("fields", fields), ("kind", kind)], "100", 100);
        }
        (string, System.Text.Json.Nodes.JsonNode) million = ("fields", 1_000_000);
        yield return new("W6 1M fields in memory, bytes each beyond the values", r["crdt", "W6.load", "beyondValuesPerField", million], "80", 80);
        yield return new("W6 loading all, ms", r["crdt", "W6.load", "ms", million], "0.3 of Yjs", 0.3 * r["yjs", "W6.load", "ms", million]);
        yield return new("W6 1M fields opened from files, fresh process, ms", r["crdt", "W6.open", "ms", ("where", "fresh process")], "100", 100);
        yield return new("W6 the same, in a process that has opened one before, ms",
            r["crdt", "W6.open", "ms", ("where", "process that has opened one before")], "100", 100);
        yield return new("W6 then the first read, ms", r["crdt", "W6.open", "readMs", ("where", "fresh process")], "100", 100);
        yield return new("W7 deleted entities, bytes each before the purge", Ours("W7.churn", "bytesPerDeleted"), "8", 8);
        yield return new("W7 deleted entities, bytes each once purged", Ours("W7.purged", "bytesPerDeleted"), "0", 0.01);
        yield return new("W7 create and delete, ns per entity", Ours("W7.churn"), "0.5 of Yjs", 0.5 * r["yjs", "W7.churn", "nsPerOp"]);
        yield return new("W7 a million overwrites, bytes per field above the state before", Ours("W7.overwrite", "growthPerField"), "2", 2);
        yield return new("W7 a million overwrites, ns", Ours("W7.overwrite"), "0.3 of Akka", 0.3 * r["akka", "W7.overwrite", "nsPerOp"]);
        double? bare = Ours("disk.appendFsync", "us");
        yield return new("durable single commits, us", Ours("disk.commit1", "us"), "0.7 of the rate of append + fsync", bare / 0.7);
        yield return new("durable commits of 64 writers, us", Ours("disk.commit64", "us"), "20 times that rate", bare / 20);
        yield return new("durable remote apply, log durable, us per mutation", Ours("disk.apply1000", "us"), "0.5 of the rate of LiteDB blobs", Ours("disk.liteBlobs", "us") / 0.5);
        yield return new("durable remote apply, projection caught up, us per mutation", Ours("disk.apply1000.projected", "us"), "told", null);
        yield return new("sync over loopback TLS, 1M mutations, us per mutation", Ours("disk.syncOverTls", "us"), "told", null);
        yield return new("share of the store in it, of processor time", Ours("disk.syncOverTls", "storeShare"), "told", null);
        yield return new("share of TLS, of processor time", Ours("disk.syncOverTls", "transportShare"), "told", null);
    }

    private static string Number(double? value) => value switch
    {
        null => "-",
        >= 100 => value.Value.ToString("N0", CultureInfo.InvariantCulture),
        _ => value.Value.ToString("0.##", CultureInfo.InvariantCulture),
    };
}
