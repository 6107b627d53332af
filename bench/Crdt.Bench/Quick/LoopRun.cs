using System.Diagnostics;
using System.Globalization;
using Crdt.Bench.Workloads;

namespace Crdt.Bench.Quick;

/// <summary>Does one thing over and over, for a profiler to look at.</summary>
internal static class LoopRun
{
    private const int Entities = 2_000;

    public static int Run(string what, double seconds, bool sortsAllocations)
    {
        FieldWrite[] inserts = FieldWorkload.Inserts(Entities), updates = FieldWorkload.Updates(2, Entities, 20_000);
        Replica writer = Lab.Open(1);
        Lab.Write(writer, inserts, what == "apply1" ? 1 : 100);
        List<BatchRun> runs = Lab.RunsOf(writer);
        Replica loaded = Lab.Open(7);
        Lab.Apply(loaded, runs);
        if (what == "merge") Lab.Write(loaded, updates, 100);
        List<BatchRun> foreign = Lab.RunsOf(loaded);
        Action? once = what switch
        {
            "insert1" => () => Lab.Write(Lab.Open(1), inserts, 1),
            "insert100" => () => Lab.Write(Lab.Open(1), inserts, 100),
            "update1" => () => Lab.Write(loaded, updates, 1),
            "update100" => () => Lab.Write(loaded, updates, 100),
            "apply1" or "apply100" => () => Lab.Apply(Lab.Open(2), runs),
            "merge" => () => Lab.Apply(Reopened(runs), foreign),
            _ => null,
        };
        if (once is null)
        {
            Console.Error.WriteLine("loop insert1|insert100|update1|update100|apply1|apply100|merge [SECONDS [allocations]]");
            return 2;
        }
        using Allocations? allocations = sortsAllocations ? new Allocations() : null;
        long rounds = 0, allocated = GC.GetTotalAllocatedBytes();
        var best = TimeSpan.MaxValue;
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start).TotalSeconds < seconds; rounds++)
        {
            TimeSpan from = Environment.CpuUsage.TotalTime;
            once();
            TimeSpan took = Environment.CpuUsage.TotalTime - from;
            if (took < best) best = took;
        }
        int writes = (what == "merge" || what.StartsWith("update", StringComparison.Ordinal) ? updates : inserts).Length;
        double bytesPerWrite = (GC.GetTotalAllocatedBytes() - allocated) / ((double)rounds * writes);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rounds} rounds of {writes} writes, {bytesPerWrite:F0} bytes allocated for each, {best.TotalNanoseconds / writes:F0} ns of processor time in the best round"));
        allocations?.Print(bytesPerWrite);
        return 0;
    }

    private static Replica Reopened(List<BatchRun> runs)
    {
        Replica replica = Lab.Open(3);
        Lab.Apply(replica, runs);
        return replica;
    }
}
