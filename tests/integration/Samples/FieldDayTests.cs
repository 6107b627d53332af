using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Crdt.Integration.Samples;

/// <summary>The sample as a user runs it, as processes; and with processes killed where it hurts.</summary>
public sealed partial class FieldDayTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly string data = Directory.CreateTempSubdirectory("fieldday-test-").FullName;

    public void Dispose() => Directory.Delete(data, recursive: true);

    [Fact]
    public async Task A_whole_day_ends_with_equal_digests_and_nothing_unaccounted_for()
    {
        (int exitCode, string output) = await RunAsync(killAt: null, victim: null);
        Assert.True(exitCode == 0, output);
        Assert.Contains("Converged: equal digests on all four, nothing unaccounted for.", output);
        Assert.Contains("> crdt resolve", output);
        Assert.Matches(@"C's process was killed: Server holds \d+ of 200 voice notes", output);
        Assert.Contains("200 voice notes are on all four, byte for byte.", output);
    }

    [Theory]
    [InlineData("A", "2  Out of reach")]
    [InlineData("Server", "3  A meets B")]
    [InlineData("organiser", "> crdt resolve incident/strike/00006")]
    public async Task Killed_at_any_point_it_goes_on_from_its_files(string victim, string killAt)
    {
        await RunAsync(killAt, victim);
        (int exitCode, string output) = await RunAsync(killAt: null, victim: null);
        Assert.True(exitCode == 0, output);
        Assert.Contains("nothing unaccounted for.", output);
    }

    private async Task<(int ExitCode, string Output)> RunAsync(string? killAt, string? victim)
    {
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var start = new ProcessStartInfo(dotnet) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "FieldDay.dll"), "--data", data, "--reports", "120"])
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(Patience);
        Task<string> error = process.StandardError.ReadToEndAsync(patience.Token);
        var pids = new Dictionary<string, int> { ["organiser"] = process.Id };
        var output = new System.Text.StringBuilder();
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            output.AppendLine(line);
            if (Participant().Match(line) is { Success: true } started)
                pids[started.Groups[1].Value] = int.Parse(started.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture);
            if (killAt is null || !line.Contains(killAt, StringComparison.Ordinal)) continue;
            Process.GetProcessById(pids[victim!]).Kill();
            killAt = null;
        }
        await process.WaitForExitAsync(patience.Token);
        Assert.True(killAt is null, $"Never came to '{killAt}':\n{output}");
        // Those left behind end when their organiser is gone; only then are their files free.
        foreach (int pid in pids.Values) await EndedAsync(pid, patience.Token);
        return (process.ExitCode, output.Append(await error).ToString());
    }

    private static async Task EndedAsync(int pid, CancellationToken patience)
    {
        try
        {
            using Process left = Process.GetProcessById(pid);
            await left.WaitForExitAsync(patience);
        }
        catch (ArgumentException)
        {
            // It has ended already.
        }
    }

    [GeneratedRegex(@"^ +(Server|A|B|C) +process (\d+),")]
    private static partial Regex Participant();
}
