using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt refused …</c>: what servers refused, and what shall become of it.</summary>
internal static class RefusedCommand
{
    private static readonly Option<bool> All = new("--all", "-a")
    {
        Description = "Also what somebody has decided about.",
    };

    private static readonly Argument<string> Id = new("id")
    {
        HelpName = "MUTATION",
        Description = "A refused mutation: its UUID, or REPLICA:SEQUENCE. What was written with it in one transaction goes with it.",
    };

    private static readonly Argument<string> Assignee = new("name")
    {
        HelpName = "NAME",
        Description = "Who is to decide.",
    };

    private static readonly Option<string?> Entity = new("--entity")
    {
        HelpName = "KEY",
        Description = "Which of several entities the changes are for. Default: the only one.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>)[] Create(out Command refused)
    {
        var list = new Command("list", "Lists what was refused and waits for a decision, the oldest first.") { All };
        var show = new Command("show", "Shows a refused transaction: why, by whom, and what it had written.") { Id };
        var resubmit = new Command("resubmit", "Sends it again as it was.") { Id };
        var edit = new Command("edit", "Sends it again with other values: FIELD=VALUE, or a JSON merge patch.") { Id, Entity };
        FieldEdits.ForRefused.AddTo(edit);
        var reassign = new Command("reassign", "Gives it to somebody else to decide.") { Id, Assignee };
        var discard = new Command("discard", "Gives it up. That is recorded; the work stays in the log.") { Id };
        refused = new Command("refused", "Shows what servers refused, and decides what shall become of it.")
        {
            list, show, resubmit, edit, reassign, discard,
        };
        return
        [
            (list, ListAsync), (show, ShowAsync), (resubmit, ResubmitAsync), (edit, EditAsync), (reassign, ReassignAsync),
            (discard, DiscardAsync),
        ];
    }

    /// <summary>The members of a refusal's object.</summary>
    public static void WriteMembers(Utf8JsonWriter w, RefusedTransaction refused)
    {
        w.WriteString("id", MutationId.Of(refused.First).ToString());
        w.WriteString("author", refused.First.Replica.ToString());
        w.WriteNumber("first", refused.First.Sequence);
        w.WriteNumber("last", refused.Last);
        w.WriteOptional("user", refused.User);
        w.WriteString("code", Shown.Camel(refused.Code));
        w.WriteString("reason", refused.Reason);
        w.WriteString("refused_by", refused.RefusedBy.ToString());
        w.WriteTime("refused_at", refused.RefusedAt);
        w.WriteString("handling", Shown.Camel(refused.Handling));
        w.WriteOptional("handled_by", refused.HandledBy);
        w.WriteOptional("assignee", refused.Assignee);
        w.WriteStartArray("work");
        foreach (EscrowedChange change in refused.Work)
        {
            w.WriteStartObject();
            w.WriteString("mutation", MutationId.Of(change.Dot).ToString());
            w.WriteString("entity", change.Key.ToString());
            w.WriteString("kind", Shown.Camel(change.Kind));
            w.WriteString("path", change.Path.ToString());
            w.WriteValue("value", change.Value);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    }

    private static async Task<ExitCode> ListAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        List<RefusedTransaction> all = [.. host.Replica.Refusals(!context.Parsed.GetValue(All)).OrderBy(r => r.RefusedAt)];
        if (context.Output.IsJson)
        {
            foreach (RefusedTransaction refused in all) context.Output.Json(w => WriteMembers(w, refused));
            return ExitCode.Ok;
        }
        if (all.Count == 0)
        {
            context.Output.Note("Nothing that was refused waits for a decision.");
            return ExitCode.Ok;
        }
        context.Output.Table(
            ["mutation", "author", "user", "entity", "code", "reason", "refused", "handling"],
            all.Select(r => (IReadOnlyList<string>)
            [
                context.Output.IsInteractive ? Shown.Short(MutationId.Of(r.First)) : MutationId.Of(r.First).ToString(),
                Shown.Author(r.First.Replica, host.Replica.Id),
                r.User ?? "",
                string.Join(", ", r.Work.Select(c => c.Key.ToString()).Distinct()),
                Shown.Camel(r.Code),
                r.Reason,
                Shown.Second(r.RefusedAt),
                r.Assignee is { } assignee ? $"{Shown.Camel(r.Handling)} to {assignee}" : Shown.Camel(r.Handling),
            ]));
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> ShowAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        RefusedTransaction refused = Find(context, host.Replica);
        if (context.Output.IsJson)
        {
            context.Output.Json(w => WriteMembers(w, refused));
            return ExitCode.Ok;
        }
        context.Output.Facts(
            ("mutation", MutationId.Of(refused.First).ToString()),
            ("author", $"{refused.User ?? "nobody named"} on {Shown.Author(refused.First.Replica, host.Replica.Id)}"),
            ("refused", $"{Shown.Time(refused.RefusedAt)} by {refused.RefusedBy}"),
            ("why", $"{Shown.Camel(refused.Code)}: {refused.Reason}"),
            ("handling", $"{Shown.Camel(refused.Handling)}{(refused.Assignee is { } to ? $" to {to}" : "")}"
                + $"{(refused.HandledBy is { } by ? $" by {by}" : "")}"));
        context.Output.Table(["entity", "kind", "field", "value"], refused.Work.Select(c => (IReadOnlyList<string>)
            [c.Key.ToString(), Shown.Camel(c.Kind), c.Path.ToString(), c.Value?.ToJson() ?? ""]));
        return ExitCode.Ok;
    }

    private static async Task<ExitCode> ResubmitAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        RefusedTransaction refused = FindOpen(context, host.Replica);
        return Report(context, refused, "resubmitted", await host.Replica.ResubmitAsync(
            refused, User(context, host.Replica), cancellationToken: context.Cancellation));
    }

    private static async Task<ExitCode> EditAsync(CliContext context)
    {
        List<Action<EntityEdit>> steps = FieldEdits.ForRefused.Read(context);
        if (steps.Count == 0)
            throw CliException.Usage("There is nothing to change.", "FIELD=VALUE sets a field; 'crdt refused resubmit' sends it as it was.");
        await using CliHost host = await context.OpenAsync();
        RefusedTransaction refused = FindOpen(context, host.Replica);
        EntityKey key = Target(context, refused);
        Dot last = refused.Work.Last(c => c.Key == key).Dot;
        CommitResult result = await host.Replica.ResubmitAsync(refused, edit =>
        {
            // Where several mutations of it wrote to the entity, the last one has the say.
            if (edit.Key != key || edit.Origin?.Reissued != last) return;
            try
            {
                foreach (Action<EntityEdit> step in steps) step(edit);
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
                throw CliException.Usage(e.Message, inner: e);
            }
        }, User(context, host.Replica), context.Cancellation);
        return Report(context, refused, "resubmitted", result);
    }

    private static async Task<ExitCode> ReassignAsync(CliContext context)
    {
        string assignee = context.Parsed.GetRequiredValue(Assignee);
        if (assignee.Length == 0) throw CliException.Usage("A name is missing.");
        await using CliHost host = await context.OpenAsync();
        RefusedTransaction refused = FindOpen(context, host.Replica);
        return Report(context, refused, "reassigned", await host.Replica.ReassignAsync(
            refused, assignee, User(context, host.Replica), context.Cancellation));
    }

    private static async Task<ExitCode> DiscardAsync(CliContext context)
    {
        await using CliHost host = await context.OpenAsync();
        RefusedTransaction refused = FindOpen(context, host.Replica);
        return Report(context, refused, "discarded", await host.Replica.DiscardAsync(
            refused, User(context, host.Replica), context.Cancellation));
    }

    private static string? User(CliContext context, Replica replica) => PutCommand.Begin(replica, context.User).User;

    private static RefusedTransaction Find(CliContext context, Replica replica)
    {
        string text = context.Parsed.GetRequiredValue(Id);
        Dot dot = WhyCommand.FindMutation(replica, text)
            ?? FindByBeginning(replica, text)
            ?? throw CliException.NotFound($"No refused mutation '{text}' is known here.", "'crdt refused list --all' names them.");
        return replica.FindRefusal(dot)
            ?? throw CliException.NotFound($"Mutation '{text}' was not refused.", $"'crdt why {text}' tells where it stands.");
    }

    private static RefusedTransaction FindOpen(CliContext context, Replica replica)
    {
        RefusedTransaction refused = Find(context, replica);
        return refused.Handling is RefusalHandling.Open or RefusalHandling.Reassigned
            ? refused
            : throw new CliException(ExitCode.Precondition, $"It was {Shown.Camel(refused.Handling)} already.",
                "'crdt refused show' tells by whom.");
    }

    private static Dot? FindByBeginning(Replica replica, string text)
    {
        RefusedTransaction[] known = [.. replica.Refusals(openOnly: false)
            .Where(r => MutationId.Of(r.First).ToString().StartsWith(text, StringComparison.OrdinalIgnoreCase))];
        return known.Length switch
        {
            0 => null,
            1 => known[0].First,
            _ => throw CliException.Usage($"'{text}' is the beginning of {known.Length} mutations' ids: give more of it."),
        };
    }

    private static EntityKey Target(CliContext context, RefusedTransaction refused)
    {
        EntityKey[] keys = [.. refused.Work.Select(c => c.Key).Distinct()];
        if (context.Parsed.GetValue(Entity) is { } text)
        {
            return keys.FirstOrDefault(k => k.ToString() == text)
                ?? throw CliException.NotFound($"The refused work did not write to '{text}'.");
        }
        return keys.Length == 1
            ? keys[0]
            : throw CliException.Usage(string.Create(CultureInfo.InvariantCulture, $"The refused work wrote to {keys.Length} entities."),
                $"--entity says which one to change: {string.Join(", ", keys.Select(k => k.ToString()))}.");
    }

    private static ExitCode Report(CliContext context, RefusedTransaction refused, string done, CommitResult result)
    {
        if (context.Output.IsJson)
        {
            context.Output.Json(w =>
            {
                w.WriteString("id", MutationId.Of(refused.First).ToString());
                w.WriteString("done", done);
                w.WriteStartArray("mutations");
                foreach (Guid id in result.MutationIds) w.WriteStringValue(id.ToString());
                w.WriteEndArray();
            });
        }
        else context.Output.Line($"{done} {MutationId.Of(refused.First)}");
        return ExitCode.Ok;
    }
}
