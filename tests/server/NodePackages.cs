using Crdt.Integration.Docs;

namespace Crdt.Server.Tests;

/// <summary>Clients and issuers by others, as packages of Node.</summary>
internal static class NodePackages
{
    private static readonly Lazy<Task<string>> Installed = new(InstallAsync);

    /// <summary>Runs a script beside the packages to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(string script, params string[] args) =>
        await Component.RunAsync("node", [Path.Combine(await Installed.Value, script), .. args]);

    /// <summary>Where the packages and scripts are.</summary>
    public static Task<string> DirectoryAsync() => Installed.Value;

    private static async Task<string> InstallAsync()
    {
        string directory = Path.Combine(AppContext.BaseDirectory, "npm");
        (int exitCode, string output, string error) = await Component.RunAsync(
            "bash", Path.Combine(RepositoryRoot.Path, "tests", "npm-install.sh"),
            Path.Combine(RepositoryRoot.Path, "tests", "server", "npm"), directory);
        Assert.True(exitCode == 0, output + error);
        return directory;
    }
}
