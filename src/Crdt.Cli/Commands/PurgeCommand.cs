using System.CommandLine;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt purge</c>: drops deleted entities that everybody has seen deleted.</summary>
internal static class PurgeCommand
{
    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("purge", "Drops for good the deleted entities that everybody is known to have seen deleted. Needs a "
            + "replica in the server role."),
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        if (host.Replica.Role == ReplicaRole.Client)
        {
            throw new CliException(ExitCode.Precondition, "Deleted entities are dropped in the server role.",
                "'crdt init --join INVITE --role server' makes such a replica.");
        }
        PurgeResult result = await host.Replica.PurgeAsync(context.Cancellation);
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteNumber("purged", result.Purged);
                w.WriteNumber("waiting", result.Waiting);
                w.WriteNumber("kept", result.Kept);
            });
            return ExitCode.Ok;
        }
        context.Output.Line($"Purged {Shown.Count(result.Purged, "entity", "entities")}.");
        if (result.Waiting > 0)
        {
            context.Output.Note($"{Shown.Count(result.Waiting, "deleted entity waits", "deleted entities wait")} until "
                + "everybody is known to have seen the delete.");
        }
        if (result.Kept > 0) context.Output.Note($"{Shown.Count(result.Kept, "deleted entity stays", "deleted entities stay")}.");
        return ExitCode.Ok;
    }
}
