using System.Diagnostics;

namespace Crdt.Integration.Samples;

/// <summary>The walk-through for a data type of one's own, as a user runs it.</summary>
public sealed class OwnDataTypeTests
{
    [Fact]
    public async Task The_story_ends_with_all_laws_kept_and_both_mistakes_found()
    {
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var start = new ProcessStartInfo(dotnet, [Path.Combine(AppContext.BaseDirectory, "OwnDataType.dll")])
        {
            RedirectStandardOutput = true,
            Environment = { ["CRDT_PROPERTY_CASES"] = "0.2" },
        };
        using Process process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        string output = await process.StandardOutput.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        Assert.True(process.ExitCode == 0, output);
        string[] parts = output.Split("Laws of the ");
        Assert.DoesNotContain("BROKEN", parts[1]);
        Assert.Contains("BROKEN  It reads as its meaning says", parts[2]);
        Assert.Contains("BROKEN  Every order of arrival is read alike", parts[3]);
        Assert.Contains("To repeat it: CRDT_PROPERTY_SEED=", parts[3]);
    }
}
