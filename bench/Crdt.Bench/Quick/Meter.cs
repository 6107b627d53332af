using System.Diagnostics;
using System.Globalization;

namespace Crdt.Bench.Quick;

/// <summary>Times a piece of work by the processor time it took: what the wall clock would show on an idle machine.</summary>
internal static class Meter
{
    // The JIT compiles hot code again after a while: figures from before that describe nobody's program.
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.7);
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(1.5);
    private const int RunsMin = 5;

    /// <summary>Medians over the runs that fit the budget.</summary>
    /// <param name="NsPerOperation">Processor time, median.</param>
    /// <param name="NsMin">Processor time of the best run.</param>
    /// <param name="BytesPerOperation">Bytes allocated, of the last run.</param>
    /// <param name="Runs">How many runs were timed.</param>
    public readonly record struct Figure(double NsPerOperation, double NsMin, double BytesPerOperation, int Runs);

    public static Figure Measure<T>(int operations, Func<T> setUp, Action<T> work, Action<T>? check = null)
    {
        var times = new List<double>();
        double allocated = 0;
        long started = Stopwatch.GetTimestamp(), warmedUp = 0;
        while (warmedUp == 0 || times.Count < RunsMin || Stopwatch.GetElapsedTime(warmedUp) < Budget)
        {
            T state = setUp();
            GC.Collect();
            GC.WaitForPendingFinalizers();
            long bytes = GC.GetAllocatedBytesForCurrentThread();
            TimeSpan before = Environment.CpuUsage.TotalTime;
            work(state);
            TimeSpan spent = Environment.CpuUsage.TotalTime - before;
            allocated = GC.GetAllocatedBytesForCurrentThread() - bytes;
            if (times.Count == 0) check?.Invoke(state);
            if (warmedUp != 0) times.Add(spent.TotalNanoseconds / operations);
            else if (Stopwatch.GetElapsedTime(started) > WarmUp) warmedUp = Stopwatch.GetTimestamp();
        }
        times.Sort();
        return new Figure(times[times.Count / 2], times[0], allocated / operations, times.Count);
    }

    public static void Print(string name, Figure figure, Figure? floor = null) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{name,-52} {figure.NsPerOperation,8:F0} ({figure.NsMin,6:F0})  {figure.BytesPerOperation,8:F0}  ")
        + (floor is { } f ? string.Create(CultureInfo.InvariantCulture, $"{figure.NsPerOperation / f.NsPerOperation,5:F1}x") : ""));

    public static void Print(string name, double bytes) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-52} {bytes,8:F0} bytes"));
}
