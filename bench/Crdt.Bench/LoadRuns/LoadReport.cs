using System.Globalization;

namespace Crdt.Bench.LoadRuns;

/// <summary>What a load run came to.</summary>
/// <param name="Thin">What clients without a replica were told is held.</param>
/// <param name="Full">What devices with a replica were told is held.</param>
/// <param name="Before">Of both, how many had been acknowledged before time ran.</param>
/// <param name="Kills">How often a server was killed meanwhile.</param>
/// <param name="Took">How long clients wrote.</param>
/// <param name="Losses">What is wrong at the end: nothing, if all is well.</param>
internal sealed record LoadReport(
    IReadOnlyList<Acknowledged> Thin, IReadOnlyList<Acknowledged> Full, int Before, int Kills, TimeSpan Took, IReadOnlyList<string> Losses)
{
    public void Print(TextWriter output)
    {
        output.WriteLine("| clients | acknowledged | a second | p50 | p99 | longest, kills included |");
        output.WriteLine("| --- | --- | --- | --- | --- | --- |");
        Row("thin, by GraphQL", Thin);
        Row("devices, by sessions", Full);
        output.WriteLine($"\n{Thin.Count + Full.Count} mutations acknowledged ({Before} of them before the first second), servers killed {Kills} times, each looked for in the files at the end: {(Losses.Count == 0 ? "nothing lost" : $"{Losses.Count} WRONG")}.");
        foreach (string loss in Losses.Take(20)) output.WriteLine($"  {loss}");

        void Row(string name, IReadOnlyList<Acknowledged> of)
        {
            double[] took = [.. of.Where(a => a.IsUndisturbed).Select(a => a.Took.TotalMilliseconds).Order()];
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {of.Count} | {of.Count / Took.TotalSeconds:0} | {At(took, 0.5)} | {At(took, 0.99)} | {At([.. of.Select(a => a.Took.TotalMilliseconds).Order()], 1)} |"));
        }

        static string At(double[] sorted, double part) => sorted.Length == 0 ? "none"
            : string.Create(CultureInfo.InvariantCulture, $"{sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * part))]:0.0} ms");
    }
}
