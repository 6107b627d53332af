using Crdt.Bench.Workloads;

namespace Crdt.Bench.SideBySide;

/// <summary>W5: two replicas of equal state, one writes a hundred fields, then the sessions of both, message by message.</summary>
internal static class SyncWork
{
    private const int Warm = 30, Counted = 30, Writers = 1_000;

    public static void Run(Rows rows)
    {
        foreach ((int fields, string kind) in new[] { (10_000, "base"), (10_000, "sessions"), (100_000, "base"), (100_000, "aged"), (1_000_000, "base") })
        {
            List<BatchRun> runs = RunsOf(fields, kind);
            Replica a = Field.Load(7, runs), b = Field.Load(8, runs);
            Talk first = Talk.Hold(a, b), idle = Talk.Hold(a, b), news = default;
            var times = new List<double>();
            for (int i = 0; i < Warm + Counted; i++)
            {
                Lab.Write(a, FieldWorkload.Updates(100 + i, fields / 10, 100), 100);
                TimeSpan before = Environment.CpuUsage.TotalTime;
                Talk one = Talk.Hold(a, b);
                if (i >= Warm) times.Add((Environment.CpuUsage.TotalTime - before).TotalMilliseconds);
                if (i == 0) news = one;
            }
            Field.Check(Field.Sum(a, fields / 10) == Field.Sum(b, fields / 10));
            rows.Add("W5.sync", new()
            {
                ["fields"] = fields,
                ["kind"] = kind,
                ["changed"] = 100,
                ["runs"] = times.Count,
                ["ms"] = Rows.Round(Rows.Median(times)),
                ["msMin"] = Rows.Round(times.Min()),
                ["bytes"] = news.Bytes,
                ["messages"] = news.Messages,
                ["idleBytes"] = idle.Bytes,
                ["idleMessages"] = idle.Messages,
                ["firstIdleBytes"] = first.Bytes,
                ["note"] = "replicas that have met before; firstIdleBytes: they had not, and held the same",
            });
        }
    }

    private static List<BatchRun> RunsOf(int fields, string kind)
    {
        FieldWrite[] inserts = FieldWorkload.Inserts(fields / 10);
        Replica writer = Lab.Open(1);
        if (kind != "sessions")
        {
            Lab.Write(writer, inserts, 100);
            if (kind == "aged") Lab.Write(writer, FieldWorkload.Updates(2, fields / 10, 100_000), 100);
            return Lab.RunsOf(writer);
        }
        var all = new List<BatchRun>();
        int each = fields / Writers;
        for (int i = 0; i < Writers; i++)
        {
            Replica one = Lab.Open(Lab.WideIdOf(1_000 + i));
            Lab.Write(one, inserts.AsSpan(i * each, each), each);
            all.AddRange(Lab.RunsOf(one));
        }
        return all;
    }
}
