using System.Globalization;
using FieldDay;
using Spectre.Console;

// Without arguments: the whole day. `node NAME DIRECTORY INVITATION` is what the day starts for each participant.
if (args is ["node", var name, var directory, var invitation])
    return await FieldNode.RunAsync(name, directory, invitation);
string? kept = null;
int reports = int.MaxValue;
for (int i = 0; i < args.Length; i += 2)
{
    if (args[i] == "--data" && i + 1 < args.Length) kept = Path.GetFullPath(args[i + 1]);
    else if (args[i] != "--reports" || i + 1 == args.Length
        || !int.TryParse(args[i + 1], CultureInfo.InvariantCulture, out reports) || reports < Strikes.Shared)
    {
        AnsiConsole.MarkupLine("Usage: FieldDay [[--data DIR]] [[--reports N]]");
        AnsiConsole.MarkupLine("  --data DIR     keep the files there; run again with it to go on after a kill");
        AnsiConsole.MarkupLineInterpolated($"  --reports N    take only the first N reports, at least {Strikes.Shared}");
        return 2;
    }
}
// Into a file or a pipe there is no width to ask for: what the tables need.
if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = 120;
string data = kept ?? Directory.CreateTempSubdirectory("fieldday-").FullName;
try
{
    Directory.CreateDirectory(data);
    await using var day = new Day(data, reports);
    await day.RunAsync();
    return 0;
}
catch (FieldDayException e)
{
    AnsiConsole.MarkupLineInterpolated($"[red]{e.Message}[/]");
    return 1;
}
finally
{
    if (kept is null) Directory.Delete(data, recursive: true);
}
