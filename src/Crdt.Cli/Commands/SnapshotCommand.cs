using System.CommandLine;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt snapshot</c>: makes a snapshot of the present state.</summary>
internal static class SnapshotCommand
{
    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("snapshot",
            "Makes a snapshot of the present state, on a replica in the server role: whoever lacks something before it gets it in "
            + "place of the log, and 'crdt prune' may drop the log before it."),
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        if (host.Replica.Role == ReplicaRole.Client)
            throw new CliException(ExitCode.Precondition, "This replica writes in the client role. Snapshots are made in the server role only.");
        Snapshot snapshot = await host.Replica.TakeSnapshotAsync(context.Cancellation);
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("maker", snapshot.Maker.ToString());
                w.WriteVector("vector", snapshot.Vector);
                w.WriteString("digest", snapshot.Digest.ToString());
                w.WriteNumber("chunks", snapshot.Chunks);
                w.WriteNumber("bytes", snapshot.LengthBytes);
            });
        }
        else
        {
            context.Output.Line($"A snapshot of {Shown.Count(snapshot.Vector.Sum(d => d.Sequence), "mutation")} by "
                + $"{Shown.Count(snapshot.Vector.Count, "replica")}: {Shown.Count(snapshot.LengthBytes, "byte")}, digest {snapshot.Digest}.");
        }
        return ExitCode.Ok;
    }
}
