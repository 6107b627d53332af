using System.Globalization;
using Crdt.Bench.SideBySide;
using Crdt.Bench.Workloads;

namespace Crdt.Bench.Quick;

/// <summary>What a session takes by how much is held and how much differs: bytes of all messages, both ways.</summary>
internal static class DifferencesRun
{
    private static readonly int[] Sizes = [10_000, 100_000, 1_000_000];
    private static readonly int[] Differences = [0, 1, 100, 10_000];

    public static void Run()
    {
        Console.WriteLine("| fields held | " + string.Join(" | ", Differences.Select(d => $"{Text(d)} differ")) + " |");
        Console.WriteLine("| --- |" + string.Concat(Differences.Select(static _ => " --- |")));
        foreach (int fields in Sizes)
        {
            Replica writer = Lab.Open(1);
            Lab.Write(writer, FieldWorkload.Inserts(fields / 10), 100);
            List<BatchRun> runs = Lab.RunsOf(writer);
            Replica a = Field.Load(7, runs), b = Field.Load(8, runs);
            // They have met, and the one that writes is known.
            Lab.Write(a, FieldWorkload.Updates(99, fields / 10, 1), 1);
            Talk.Hold(a, b);
            IEnumerable<string> row = Differences.Select((difference, i) =>
            {
                if (difference > 0) Lab.Write(a, FieldWorkload.Updates(100 + i, fields / 10, difference), 100);
                return Text(Talk.Hold(a, b).Bytes);
            });
            Console.WriteLine($"| {Text(fields)} | {string.Join(" | ", row)} |");
        }
    }

    private static string Text(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
