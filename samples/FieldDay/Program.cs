using FieldDay;
using Spectre.Console;

// Without arguments: the whole day. `node NAME DIRECTORY INVITATION` is what the day starts for each participant.
if (args is ["node", var name, var directory, var invitation])
    return await FieldNode.RunAsync(name, directory, invitation);
if (args is not ([] or ["--data", _]))
{
    AnsiConsole.MarkupLine("Usage: FieldDay [[--data DIR]]   DIR keeps the files; run again with it to go on after a kill.");
    return 2;
}
// Into a file or a pipe there is no width to ask for: what the tables need.
if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = 120;
bool isKept = args.Length == 2;
string data = isKept ? Path.GetFullPath(args[1]) : Directory.CreateTempSubdirectory("fieldday-").FullName;
try
{
    Directory.CreateDirectory(data);
    await using var day = new Day(data);
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
    if (!isKept) Directory.Delete(data, recursive: true);
}
