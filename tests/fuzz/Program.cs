using System.Globalization;
using Crdt.Fuzz;

// dotnet run --project tests/fuzz -c Release -- [--inputs N] [--seed S] [--target NAME]
// N inputs are shared out among the targets; the seed is fresh where none is given.
// With --guided FOLDER, by tests/fuzz/guided.sh: what takes branches that nothing took before is a seed from then on, and is added to
// FOLDER/TARGET.hex.
string? Option(string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
if (Option("--guided") is not null) BranchMap.Begin();
long inputs = long.Parse(Option("--inputs") ?? "1000000", CultureInfo.InvariantCulture);
int seed = Option("--seed") is { } told ? int.Parse(told, CultureInfo.InvariantCulture) : Random.Shared.Next();
FuzzTarget[] targets = [.. Fuzzer.Targets.Select(static make => make()).Where(t => Option("--target") is not { } only || t.Name == only)];
// What costs more than a decoder gets fewer.
double[] shares = [.. targets.Select(static t => t is SessionTarget or BundleTarget or ChunkTarget ? 0.1 : 1)];
for (int i = 0; i < targets.Length; i++)
{
    long count = (long)(inputs * shares[i] / shares.Sum()) + 1;
    var found = new List<byte[]>();
    FuzzResult result = Option("--guided") is null ? Fuzzer.Run(targets[i], count, seed) : Fuzzer.RunGuided(targets[i], count, seed, found);
    if (found.Count > 0)
    {
        File.AppendAllLines(Path.Combine(Option("--guided")!, result.Target + ".hex"), found.Select(Convert.ToHexStringLower));
        Console.WriteLine($"{result.Target}: {found.Count} kept");
    }
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{result.Target,-9} {result.Inputs,10} inputs, {result.Taken,9} taken, at most {result.AllocatedBytesMax,8} bytes each, {result.Elapsed.TotalSeconds,7:F1} s (seed {seed})"));
}
