using System.Diagnostics;
using System.Text;
using Crdt.MutationCheck;

// Usage: dotnet run --project tests/mutation-check [-- [--list] [--all-tests] [--report FILE] [--work DIR] [NAME or KIND ...]]
string root = AppContext.BaseDirectory;
while (!File.Exists(Path.Combine(root, "Crdt.sln"))) root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("No repository.");
string work = Path.Combine(Path.GetTempPath(), "crdt-mutation-check");
string? report = null;
(bool listOnly, bool allTests) = (false, false);
var names = new List<string>();
for (int i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--list": listOnly = true; break;
        case "--all-tests": allTests = true; break;
        case "--report": report = args[++i]; break;
        case "--work": work = args[++i]; break;
        default: names.Add(args[i]); break;
    }
}
IReadOnlyList<PlantedBug> all = PlantedBug.ReadAll(Path.Combine(root, "tests", "mutation-check", "bugs.txt"));
PlantedBug[] bugs = names.Count == 0 ? [.. all]
    : [.. names.SelectMany(n => all.Where(b => b.Name == n || b.Kind == n)).Distinct()];
if (names.Find(n => !all.Any(b => b.Name == n || b.Kind == n)) is { } unknown)
{
    Console.Error.WriteLine($"No bug and no kind is called '{unknown}'.");
    return 2;
}
if (listOnly)
{
    foreach (PlantedBug bug in bugs) Console.WriteLine($"{bug.Name,-36} {bug.Kind,-12} law {bug.Law}");
    return 0;
}
var workshop = new Workshop(root, work);
Console.WriteLine($"{bugs.Length} bugs, in {work}");
workshop.Prepare();
int stale = 0;
foreach (PlantedBug bug in bugs)
{
    try
    {
        workshop.Plant(bug);
    }
    catch (InvalidDataException e)
    {
        stale++;
        Console.Error.WriteLine(e.Message);
    }
    finally
    {
        workshop.Heal(bug);
    }
}
if (stale > 0) return 2;
if (workshop.BuildAll() is { Length: > 0 } problem)
{
    Console.Error.WriteLine($"The sources do not build without any bug:\n{problem}");
    return 2;
}
var table = new StringBuilder("| bug | kind | law | caught by | of |\n| --- | --- | --- | --- | --- |\n");
int uncaught = 0;
foreach (PlantedBug bug in bugs)
{
    long start = Stopwatch.GetTimestamp();
    workshop.Plant(bug);
    IReadOnlyList<string> caught;
    try
    {
        if (workshop.Build(bug) is { Length: > 0 } objection)
        {
            Console.Error.WriteLine($"{bug.Name} does not build: a bug has to be one that compiles.\n{objection}");
            // The others are told of all the same: a run takes long.
            stale++;
            continue;
        }
        string filter = string.Join('|', bug.Tests.Split('|').Select(t => $"FullyQualifiedName~{t}"));
        // First those that should notice it, with a fifth of their cases; then, where none did, everything else quickly.
        caught = workshop.Test(filter, "0.2");
        if (caught.Count == 0 || allTests) caught = [.. caught.Union(workshop.Test("", "0.2"))];
    }
    finally
    {
        workshop.Heal(bug);
    }
    if (caught.Count == 0) uncaught++;
    string by = caught.Count == 0 ? "**nobody**" : $"`{caught[0]}`";
    table.AppendLine($"| {bug.Name} | {bug.Kind} | {bug.Law} | {by} | {caught.Count} |");
    Console.WriteLine($"{(caught.Count == 0 ? "UNCAUGHT" : "caught  ")} {bug.Name,-36} {Stopwatch.GetElapsedTime(start).TotalSeconds,4:F0} s  {by}{(caught.Count > 1 ? $" and {caught.Count - 1} more" : "")}");
}
Console.WriteLine($"{bugs.Length - uncaught} of {bugs.Length} caught.");
if (report is not null) File.WriteAllText(report, table.ToString());
return stale > 0 ? 2 : uncaught == 0 ? 0 : 1;
