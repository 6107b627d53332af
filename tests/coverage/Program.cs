using System.Text.Json;
using Crdt.Coverage;

// Usage: dotnet run --project tests/coverage -- FOLDER: joins all coverage.json below it and tells what no test took.
BranchTable table = new();
string[] files = Directory.GetFiles(args[0], "coverage.json", SearchOption.AllDirectories);
foreach (string file in files)
{
    using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
    table.Add(document.RootElement);
}
foreach (IGrouping<string, Branch> source in table.NotTaken.GroupBy(b => b.File))
{
    Console.WriteLine($"{Path.GetRelativePath(Environment.CurrentDirectory, source.Key)}");
    string[] lines = File.ReadAllLines(source.Key);
    foreach (IGrouping<int, Branch> line in source.GroupBy(b => b.Line))
    {
        string ways = string.Join(",", line.Select(b => b.Path));
        Console.WriteLine($"  {line.Key,4} [{ways} of {table.CountAt(source.Key, line.Key)}] {lines[line.Key - 1].Trim()}");
    }
}
int taken = table.Count - table.NotTaken.Count();
Console.WriteLine($"{taken} of {table.Count} branches of Crdt.Core taken: {100.0 * taken / table.Count:F2} %, by {files.Length} suites.");
return 0;
