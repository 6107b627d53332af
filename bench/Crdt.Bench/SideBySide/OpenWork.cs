using Crdt.Bench.Quick;

namespace Crdt.Bench.SideBySide;

/// <summary>W6.open: a replica of a million field values in files is opened by a process of its own, and by one that has opened a replica
/// before.</summary>
internal static class OpenWork
{
    private const int Fields = 1_000_000, Openings = 5;

    public static void Run(Rows rows)
    {
        string directory = StoreRun.WriteLarge("side-by-side", Fields, isEncrypted: false);
        try
        {
            List<double[]> fresh = [.. Enumerable.Range(0, Openings).Select(_ => StoreRun.OpenInProcessOfItsOwn(directory, Fields))];
            List<double[]> again = [.. Enumerable.Range(0, Openings + 1).Select(_ => StoreRun.OpenHere(directory, Fields)).Skip(1)];
            foreach ((string where, List<double[]> all) in new[] { ("fresh process", fresh), ("process that has opened one before", again) })
            {
                rows.Add("W6.open", new()
                {
                    ["fields"] = Fields,
                    ["where"] = where,
                    ["runs"] = all.Count,
                    ["clock"] = "wall",
                    ["ms"] = Median(all, static o => o[0]),
                    ["msMin"] = Rows.Round(all.Min(static o => o[0])),
                    ["readMs"] = Median(all, static o => o[2] - o[0]),
                    ["processorMs"] = Median(all, static o => o[1]),
                    ["heapBytes"] = Median(all, static o => o[5]),
                });
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static double Median(List<double[]> all, Func<double[], double> of) => Rows.Round(Rows.Median(all.Select(of)));
}
