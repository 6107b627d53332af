using System.CommandLine;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt prune</c>: drops the beginning of the log.</summary>
internal static class PruneCommand
{
    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("prune",
            "Drops the beginning of the log, up to the newest snapshot that this replica holds; the snapshot stands for it. No read "
            + "changes, mutations that the snapshot does not include stay, and 'crdt log' no longer lists the others."),
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        PruneResult result = await host.Replica.PruneAsync(context.Cancellation);
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("outcome", Shown.Camel(result.Outcome));
                w.WriteVector("floor", result.Floor);
                w.WriteNumber("log_start", result.LogStart.Value);
            });
        }
        else
        {
            context.Output.Line(result.Outcome switch
            {
                PruneOutcome.Pruned => $"Dropped: the log stands on a snapshot of {Shown.Count(result.Floor.Sum(d => d.Sequence), "mutation")}, "
                    + "whole segments of what lay before it are gone.",
                PruneOutcome.Kept => "The space keeps its log whole, as evidence ('crdt retention'): nothing was dropped.",
                PruneOutcome.Awaited => "Another server is not known to hold all that is in the newest snapshot: nothing was dropped. Let the two meet, "
                    + "or end the log of one that is gone for good.",
                PruneOutcome.NothingToDrop => "There is nothing to drop before the newest snapshot.",
                _ => "No snapshot is held, so the log is all there is: 'crdt snapshot' makes one on a replica in the server role, 'crdt sync --snapshot' fetches it.",
            });
        }
        return ExitCode.Ok;
    }
}
