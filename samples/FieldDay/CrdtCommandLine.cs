using System.Diagnostics;
using Spectre.Console;

namespace FieldDay;

/// <summary>Runs the crdt command on a replica's directory and shows what it prints.</summary>
internal sealed class CrdtCommandLine(string directory)
{
    /// <returns>What it printed.</returns>
    /// <exception cref="FieldDayException">It ended with an error.</exception>
    public async Task<string> ShowAsync(params string[] arguments)
    {
        // `dotnet run` tells which dotnet it is; else the one on the path.
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var start = new ProcessStartInfo(dotnet) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "crdt.dll"), "--data", directory, .. arguments])
            start.ArgumentList.Add(argument);
        AnsiConsole.MarkupLineInterpolated($"[bold]> crdt {string.Join(' ', arguments.Select(Quote))}[/]");
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        // As it is: the command lays its tables out by itself.
        string output = (await process.StandardOutput.ReadToEndAsync()).TrimEnd();
        Console.WriteLine(output);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new FieldDayException($"crdt {string.Join(' ', arguments)} ended with {process.ExitCode}: {await error}");
        return output;
    }

    private static string Quote(string argument) => argument.Contains(' ', StringComparison.Ordinal) ? $"'{argument}'" : argument;
}
