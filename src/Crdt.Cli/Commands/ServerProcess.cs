using System.Diagnostics;
using System.Net;
using Crdt.Store;

namespace Crdt.Cli.Commands;

/// <summary>The server peer as a process of its own beside the tool, so that the tool itself starts without a web server.</summary>
internal static class ServerProcess
{
    private const string PathVariable = "CRDT_SERVER", Program = "crdt-server.dll";

    /// <summary>Runs it until it ends, or is told to.</summary>
    /// <param name="context">Where the replica is, and what ends it.</param>
    /// <param name="keyFile">The key that the replica is encrypted under.</param>
    /// <param name="http">Where GraphQL is answered: an address and a port, or a URL.</param>
    /// <param name="settings">More of its settings.</param>
    /// <param name="postgres">The database that the replica is in; null for files.</param>
    public static async Task<ExitCode> RunAsync(
        CliContext context, string? keyFile, string http, IEnumerable<string> settings, string? postgres)
    {
        if (postgres is null && !FileReplicaStore.Exists(context.Data))
            throw new StoreException(StoreError.NotFound, $"There is no replica in '{context.Data}'.");
        string program = GlobalOptions.Named(PathVariable) ?? Path.Combine(AppContext.BaseDirectory, "server", Program);
        if (!File.Exists(program))
        {
            throw new CliException(ExitCode.Precondition, $"The server is not there: '{program}'.",
                $"It comes with the tool; {PathVariable} in the environment names another one.");
        }
        string url = http.Contains("://", StringComparison.Ordinal) ? http : $"http://{http}";
        string[] arguments =
        [
            program, "--data", context.Data, "--http", url, "--stop-with-input", .. keyFile is null ? (string[])[] : ["--key-file", keyFile], .. settings,
        ];
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", arguments) { RedirectStandardInput = true };
        // Not among the arguments, which everybody on the machine can read: there may be a password in it.
        if (postgres is not null) start.Environment["Crdt__Postgres"] = postgres;
        using Process process = Process.Start(start)!;
        // The end of its input asks it to stop, also where this process is ended by force.
        await using CancellationTokenRegistration asking = context.Cancellation.Register(process.StandardInput.Close);
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode == 0 ? ExitCode.Ok : ExitCode.Precondition;
    }
}
