using Crdt.Bench.Workloads;

namespace Crdt.Bench.SideBySide;

/// <summary>W6: a saved state is loaded into memory whole and read.</summary>
internal static class LoadWork
{
    // The bytes of the values themselves: 25 of 100 are letters of texts of 6 to 24, one byte each.
    private const double ValueBytesPerField = (12 + 8 + 24 + 6 + 4 + 4 + 4 + 4 + 1 + 1) / 10.0;

    public static void Run(Rows rows)
    {
        foreach (int fields in new[] { 100_000, 1_000_000 })
        {
            Replica writer = Lab.Open(1);
            Lab.Write(writer, FieldWorkload.Inserts(fields / 10), 1_000);
            var whole = new Whole(Lab.RunsOf(writer));
            writer = null!;
            Lab.Open(3);
            whole.Join(Lab.Open(2));
            (long heapBefore, long processBefore) = Rows.Memory();
            TimeSpan before = Environment.CpuUsage.TotalTime;
            Replica loaded = Lab.Open(2);
            whole.Join(loaded);
            double ms = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
            (long heap, long process) = Rows.Memory();
            before = Environment.CpuUsage.TotalTime;
            ApplyWork.ReadAll(loaded, fields / 10);
            double readMs = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
            (long heapRead, long processRead) = Rows.Memory();
            rows.Add("W6.load", new()
            {
                ["fields"] = fields,
                ["runs"] = 1,
                ["ms"] = Rows.Round(ms),
                ["readAllMs"] = Rows.Round(readMs),
                ["heapPerField"] = Rows.Round((heap - heapBefore) / (double)fields),
                ["heapReadPerField"] = Rows.Round((heapRead - heapBefore) / (double)fields),
                ["beyondValuesPerField"] = Rows.Round(((heapRead - heapBefore) / (double)fields) - ValueBytesPerField),
                ["rssPerField"] = Rows.Round((process - processBefore) / (double)fields),
                ["rssReadPerField"] = Rows.Round((processRead - processBefore) / (double)fields),
                ["bytes"] = whole.LengthBytes,
                ["note"] = "joined from a snapshot, into memory; its log is in memory, too",
            });
            GC.KeepAlive(loaded);
        }
    }
}
