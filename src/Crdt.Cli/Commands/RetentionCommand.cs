using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt retention</c>: what becomes of the space's log.</summary>
internal static class RetentionCommand
{
    private static readonly Option<HistoryRetention?> Set = CommonOptions.Named<HistoryRetention>("--set",
        "keep: the log is evidence, nothing of it is ever dropped. untilStable: what everybody has seen is dropped by 'crdt serve'. "
        + "For everybody; needs a replica in the server role.", HistoryRetention.Keep, HistoryRetention.UntilStable);

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("retention", "Shows what becomes of the space's log, or sets it.") { Set },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        if (context.Parsed.GetValue(Set) is { } wanted)
            await host.Replica.CommitAsync(tx => tx.SetRetention(wanted), context.User, context.Cancellation);
        HistoryRetention retention = host.Replica.Retention;
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("retention", Shown.Camel(retention));
                w.WriteVector("pruned_to", host.Replica.PrunedTo);
            });
            return ExitCode.Ok;
        }
        context.Output.Line(retention switch
        {
            HistoryRetention.Keep => "keep: the log is kept whole on every replica.",
            HistoryRetention.UntilStable => "untilStable: what everybody has seen is dropped, a snapshot stands for it.",
            _ => "undecided: the log is dropped only where somebody calls 'crdt prune'.",
        });
        return ExitCode.Ok;
    }
}
