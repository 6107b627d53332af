using System.Diagnostics;
using System.Text.Json.Nodes;
using static Crdt.Bench.Quick.Meter;

namespace Crdt.Bench.SideBySide;

/// <summary>The rows that one step measures, in the JSON form that the runners of the other systems share.</summary>
internal sealed class Rows
{
    private const int ProbeRounds = 50_000_000;

    private readonly JsonArray calibrations = [];

    public JsonArray All { get; } = [];

    /// <summary>A timed row: the processor time of all threads, which on an idle machine is what the clock shows, and more than that where
    /// work is done on a second thread.</summary>
    public JsonObject Time<T>(string id, int operations, Func<T> setUp, Action<T> work, Action<T>? check = null)
    {
        Figure figure = Measure(operations, setUp, work, check);
        var row = new JsonObject
        {
            ["n"] = operations,
            ["runs"] = figure.Runs,
            ["ms"] = Round(figure.NsPerOperation * operations / 1e6),
            ["msMin"] = Round(figure.NsMin * operations / 1e6),
            ["nsPerOp"] = Round(figure.NsPerOperation),
            ["nsPerOpMin"] = Round(figure.NsMin),
            ["allocatedPerOp"] = Round(figure.BytesPerOperation),
        };
        return Add(id, row);
    }

    public JsonObject Add(string id, JsonObject row)
    {
        row.Insert(0, "id", id);
        All.Add(row);
        return row;
    }

    /// <summary>How long a fixed loop takes: the noise of the machine.</summary>
    public void Calibrate()
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        uint x = 123_456_789;
        for (int i = 0; i < ProbeRounds; i++)
        {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
        }
        calibrations.Add(new JsonObject
        {
            ["onCoreMs"] = Round((Environment.CpuUsage.TotalTime - before).TotalMilliseconds),
            ["wallMs"] = Round(Stopwatch.GetElapsedTime(start).TotalMilliseconds),
            ["x"] = x,
        });
    }

    public JsonObject ToJson() => new() { ["rows"] = All, ["calibration"] = calibrations };

    public static double Round(double value) => Math.Round(value, 3);

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Memory after collecting garbage: of the heap, and of the process.</summary>
    public static (long Heap, long Process) Memory()
    {
        for (int i = 0; i < 2; i++)
        {
            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
        return (GC.GetTotalMemory(true), Process.GetCurrentProcess().WorkingSet64);
    }
}
