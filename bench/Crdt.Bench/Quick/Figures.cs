using System.Globalization;

namespace Crdt.Bench.Quick;

/// <summary>What a run measured, for programs: one line of JSON for each row, into the file that CRDT_BENCH_JSON names.</summary>
internal static class Figures
{
    private static readonly List<string> Lines = [];

    public static void Add(string name, string unit, IReadOnlyCollection<double> values)
    {
        double[] sorted = [.. values.Order()];
        Lines.Add(string.Create(CultureInfo.InvariantCulture,
            $"{{\"row\":\"{name}\",\"unit\":\"{unit}\",\"count\":{sorted.Length},\"best\":{sorted[0]:G6},\"p50\":{sorted[sorted.Length / 2]:G6},\"p90\":{sorted[sorted.Length * 9 / 10]:G6}}}"));
    }

    public static void Write()
    {
        if (Environment.GetEnvironmentVariable("CRDT_BENCH_JSON") is { Length: > 0 } path) File.WriteAllLines(path, Lines);
    }
}
