using System.CommandLine;
using System.Globalization;
using Crdt.Cli.Output;
using Spectre.Console;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt conflicts</c>: what was written concurrently.</summary>
internal static class ConflictsCommand
{
    private static readonly Option<bool> All = new("--all", "-a")
    {
        Description = "Also those that a policy has decided: what it passed over.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("conflicts", "Lists conflicts that wait for a person, with what each side wrote.") { All },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        bool isAll = context.Parsed.GetValue(All);
        await using CliHost host = await context.OpenAsync();
        List<Conflict> conflicts = [.. host.Replica.Conflicts(openOnly: !isAll)];
        var writers = new Writers(host.Replica, conflicts.SelectMany(c => c.Siblings));
        if (context.Output.IsJson)
        {
            foreach (Conflict conflict in conflicts) WriteJson(context.Output, conflict, writers);
            return ExitCode.Ok;
        }
        if (conflicts.Count == 0)
        {
            context.Output.Note(isAll ? "No conflicts." : "No open conflicts. --all lists those that policies "
                + "decided.");
            return ExitCode.Ok;
        }
        WriteTable(context.Output, conflicts, writers, host.Replica.Id);
        if (conflicts.FirstOrDefault(c => c.IsOpen) is { } open)
        {
            string field = open.Path.IsRoot ? "" : $" '{open.Path}'";
            context.Output.Note($"To settle one: crdt resolve '{open.Key}'{field} --pick 1");
        }
        return ExitCode.Ok;
    }

    private static void WriteTable(CliOutput output, List<Conflict> conflicts, Writers writers, ReplicaId self)
    {
        if (!output.IsInteractive)
        {
            output.Table(
                ["entity", "field", "policy", "#", "read", "value", "by", "at", "mutation"],
                conflicts.SelectMany(conflict => Sides(conflict, writers, self).Select((side, i) => (IReadOnlyList<string>)
                [
                    i == 0 ? conflict.Key.ToString() : "",
                    i == 0 ? conflict.Path.ToString() : "",
                    i == 0 ? Decider(conflict) : "",
                    .. side,
                ])),
                "#");
            return;
        }
        foreach (Conflict conflict in conflicts)
        {
            output.Markup($"[bold]{Markup.Escape(Shown.OneLine(conflict.Key.ToString()))}[/]  "
                + $"{Markup.Escape(Shown.OneLine(conflict.Path.ToString()))}  [dim]{Decider(conflict)}[/]");
            output.Table(["#", "read", "value", "by", "at", "mutation"], Sides(conflict, writers, self), "#");
        }
    }

    private static string Decider(Conflict conflict) => conflict.Kind switch
    {
        ConflictKind.Kinds => "kinds differ",
        ConflictKind.Existence => "deleted or not",
        _ => conflict.Policy.ToString(),
    };

    private static IEnumerable<IReadOnlyList<string>> Sides(Conflict conflict, Writers writers, ReplicaId self)
    {
        int visible = SiblingJson.VisibleIndex(conflict.Siblings, conflict.Visible);
        return conflict.Siblings.Select((sibling, i) => (IReadOnlyList<string>)
        [
            (i + 1).ToString(CultureInfo.InvariantCulture),
            i == visible ? "*" : "",
            conflict.Kind != ConflictKind.Existence ? sibling.Value.ToJson() : sibling.Value == Value.True ? "kept" : "deleted",
            writers.Describe(sibling, self),
            Shown.Time(sibling.Timestamp.Time),
            Shown.Short(MutationId.Of(sibling.Dot)),
        ]);
    }

    private static void WriteJson(CliOutput output, Conflict conflict, Writers writers) => output.Json(w =>
    {
        w.WriteString("key", conflict.Key.ToString());
        w.WriteString("field", conflict.Path.ToString());
        w.WriteString("kind", Shown.Camel(conflict.Kind));
        w.WriteString("policy", conflict.Policy.ToString());
        w.WriteBoolean("open", conflict.IsOpen);
        w.WriteValue("visible", conflict.Visible);
        SiblingJson.Write(w, conflict.Siblings, conflict.Visible, writers);
    });
}
