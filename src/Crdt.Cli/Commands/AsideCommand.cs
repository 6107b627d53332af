using System.CommandLine;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt aside …</c>: what was cut off of others' logs and is kept aside, and having it written again.</summary>
internal static class AsideCommand
{
    private static readonly Argument<string> Author = new("replica")
    {
        HelpName = "REPLICA",
        Description = "Whose work: the replica's id, or the beginning of it.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>)[] Create(out Command aside)
    {
        var list = new Command("list", "Lists whose work is kept aside, and of which mutations it is, whether written again meanwhile or not.");
        var rewrite = new Command("rewrite", "Writes an author's work that is kept aside again, in the name of this replica: of a device that is gone, or "
            + "that was restored from a backup and cannot know that it wrote this. What was written again before, by whomever, is not repeated.") { Author };
        aside = new Command("aside", "Shows what was cut off of others' logs and is kept aside here, and writes it again.") { list, rewrite };
        return [(list, ListAsync), (rewrite, RewriteAsync)];
    }

    private static async Task<ExitCode> ListAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        Replica replica = host.Replica;
        if (context.Output.IsJson)
        {
            foreach (SetAsideRun run in replica.SetAside)
            {
                context.Output.Json(w =>
                {
                    w.WriteString("author", run.Author.ToString());
                    w.WriteNumber("first", run.FirstSequence);
                    w.WriteNumber("last", run.LastSequence);
                    w.WriteStartArray("entities");
                    foreach (string entity in EntitiesOf(replica, run)) w.WriteStringValue(entity);
                    w.WriteEndArray();
                });
            }
            return ExitCode.Ok;
        }
        if (replica.SetAside.Count == 0)
        {
            context.Output.Note("Nothing is kept aside.");
            return ExitCode.Ok;
        }
        context.Output.Table(["author", "first", "last", "owner", "entities"], replica.SetAside.Select(run => (IReadOnlyList<string>)
        [
            Shown.Author(run.Author, replica.Id), Shown.Number(run.FirstSequence), Shown.Number(run.LastSequence),
            replica.Enrolments.FirstOrDefault(e => e.Replica == run.Author)?.Owner ?? "", string.Join(' ', EntitiesOf(replica, run)),
        ]), "first", "last");
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> RewriteAsync(CliContext context)
    {
        string text = context.Parsed.GetRequiredValue(Author);
        await using CliHost host = await context.OpenAsync();
        Replica replica = host.Replica;
        ReplicaId[] found = [.. replica.SetAside.Select(static r => r.Author).Distinct()
            .Where(a => a.ToString().StartsWith(text, StringComparison.OrdinalIgnoreCase))];
        ReplicaId author = found.Length switch
        {
            1 => found[0],
            0 => throw CliException.NotFound($"Nothing of a replica '{text}' is kept aside.", "'crdt aside list' shows what is."),
            _ => throw CliException.Usage($"'{text}' is the beginning of {found.Length} replicas' ids: give more of it."),
        };
        int written = await replica.ReissueAsync(author, context.Cancellation);
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("author", author.ToString());
                w.WriteNumber("written", written);
            });
        }
        else
        {
            context.Output.Line(written == 0 ? $"Of {Shown.Short(author)} everything was written again before."
                : $"{Shown.Count(written, "mutation")} of {Shown.Short(author)} {(written == 1 ? "was" : "were")} written again, as this replica's.");
        }
        return ExitCode.Ok;
    }

    private static IEnumerable<string> EntitiesOf(Replica replica, SetAsideRun run) =>
        replica.ReadSetAside(run).Select(static m => m.Key.ToString()).Distinct().Order(StringComparer.Ordinal);
}
