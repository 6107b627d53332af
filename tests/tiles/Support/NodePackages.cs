using System.Diagnostics;
using Crdt.Integration.Docs;

namespace Crdt.Tiles.Tests;

/// <summary>Readers by others, as packages of Node.</summary>
internal static class NodePackages
{
    private static readonly Lazy<Task<string>> Installed = new(InstallAsync);

    /// <summary>Where the packages and scripts are.</summary>
    public static Task<string> DirectoryAsync() => Installed.Value;

    /// <summary>Runs a script beside the packages to its end.</summary>
    public static async Task<string[]> RunAsync(string script, string[] arguments, string input = "")
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        using Process process = Process.Start(new ProcessStartInfo("node", [Path.Combine(await DirectoryAsync(), script), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token), error = process.StandardError.ReadToEndAsync(patience.Token);
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync(patience.Token);
        Assert.True(process.ExitCode == 0, await output + await error);
        return (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static async Task<string> InstallAsync()
    {
        string directory = Path.Combine(AppContext.BaseDirectory, "npm");
        (int exitCode, string output, string error) = await Component.RunAsync(
            "bash", Path.Combine(RepositoryRoot.Path, "tests", "npm-install.sh"),
            Path.Combine(RepositoryRoot.Path, "tests", "tiles", "npm"), directory);
        Assert.True(exitCode == 0, output + error);
        return directory;
    }
}
