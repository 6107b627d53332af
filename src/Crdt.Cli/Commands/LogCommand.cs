using System.CommandLine;
using System.Globalization;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt log</c>: the mutations that are held, and where each stands.</summary>
internal static class LogCommand
{
    private const int RowsShown = 30;

    private static readonly Option<MutationStatus?> Status = CommonOptions.Named<MutationStatus>("--status",
        "pending: no server is known to hold it. conflict: held, and waits for a person.");

    private static readonly Option<string?> Author = new("--author")
    {
        HelpName = "ID|here",
        Description = "Only what this replica made: its id or the beginning of it, or 'here' for the own.",
    };

    private static readonly Option<EntityScope?> Scope = new("--entity")
    {
        HelpName = "KEY",
        Description = "Only this entity (domain/type/id), type (domain/type) or domain.",
        CustomParser = result =>
        {
            if (EntityScope.TryParse(CommonOptions.Single(result), out EntityScope? scope)) return scope;
            result.AddError($"'{CommonOptions.Single(result)}' is not domain/type/id, domain/type or domain.");
            return null;
        },
    };

    private static readonly Option<MutationKind?> Kind =
        CommonOptions.Named<MutationKind>("--kind", "Only mutations of this kind.");

    private static readonly Option<int?> Limit =
        CommonOptions.Limit($"The newest so many. Default: {RowsShown} in a table, all with --json.");

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("log", "Lists mutations, the newest last: what was done, by whom, and how far it has come.")
        {
            Status, Author, Scope, Kind, Limit,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        int? limit = context.Parsed.GetValue(Limit);
        await using CliHost host = await context.OpenAsync();
        EntityScope? scope = context.Parsed.GetValue(Scope);
        var filter = new MutationFilter
        {
            Status = context.Parsed.GetValue(Status),
            Kind = context.Parsed.GetValue(Kind),
            Author = context.Parsed.GetValue(Author) is { } author ? ReplicaNames.Find(host.Replica, author) : null,
            Domain = scope?.Domain,
            Type = scope?.Type,
            Key = scope?.Key,
        };
        IEnumerable<QueuedMutation> found = host.Replica.Mutations(filter);
        if (context.Output.IsJson)
        {
            if (limit is { } max) found = Newest(found, max, context.Cancellation, out _);
            foreach (QueuedMutation queued in found)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                WriteJson(context.Output, queued);
            }
            return ExitCode.Ok;
        }
        Queue<QueuedMutation> shown =
            Newest(found, limit ?? RowsShown, context.Cancellation, out long count);
        WriteTable(context.Output, shown, host.Replica.Id);
        if (count == 0) context.Output.Note("No mutation fulfils that.");
        else if (shown.Count < count)
            context.Output.Note($"The newest {shown.Count} of {Shown.Number(count)}; --limit N shows more.");
        return ExitCode.Ok;
    }

    private static Queue<QueuedMutation> Newest(
        IEnumerable<QueuedMutation> found, int limit, CancellationToken cancellation, out long count)
    {
        var newest = new Queue<QueuedMutation>();
        count = 0;
        foreach (QueuedMutation queued in found)
        {
            cancellation.ThrowIfCancellationRequested();
            count++;
            newest.Enqueue(queued);
            if (newest.Count > limit) newest.Dequeue();
        }
        return newest;
    }

    private static void WriteTable(CliOutput output, Queue<QueuedMutation> shown, ReplicaId self)
    {
        if (shown.Count == 0) return;
        if (output.IsInteractive)
        {
            output.Table(
                ["mutation", "author", "kind", "entity", "user", "created", "status", "held by"],
                shown.Select(q => (IReadOnlyList<string>)
                [
                    Shown.Short(q.Mutation.Id), .. Common(q, self, Shown.Second(q.Mutation.CreatedAt)), Number(q.HeldBy),
                ]),
                "held by");
            return;
        }
        output.Table(
            ["mutation", "seq", "author", "kind", "entity", "user", "created", "status", "synced", "held by"],
            shown.Select(q => (IReadOnlyList<string>)
            [
                q.Mutation.Id.ToString(),
                Number(q.Mutation.Dot.Sequence),
                .. Common(q, self, Shown.Time(q.Mutation.CreatedAt)),
                q.SyncedAt is { } at ? Shown.Time(at) : "",
                Number(q.HeldBy),
            ]),
            "seq", "held by");
    }

    private static IEnumerable<string> Common(QueuedMutation queued, ReplicaId self, string created) =>
    [
        Shown.Author(queued.Mutation.Dot.Replica, self),
        Shown.Camel(queued.Mutation.Kind),
        queued.Mutation.Key.ToString(),
        queued.Mutation.User ?? "",
        created,
        Shown.Camel(queued.Status),
    ];

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static void WriteJson(CliOutput output, QueuedMutation queued) => output.Json(w =>
    {
        Mutation mutation = queued.Mutation;
        w.WriteString("id", mutation.Id.ToString());
        w.WriteString("author", mutation.Dot.Replica.ToString());
        w.WriteNumber("sequence", mutation.Dot.Sequence);
        w.WriteString("kind", Shown.Camel(mutation.Kind));
        w.WriteString("entity", mutation.Key.ToString());
        w.WriteOptional("user", mutation.User);
        w.WriteString("role", Shown.Camel(mutation.Role));
        w.WriteTime("created_at", mutation.CreatedAt);
        w.WriteString("status", Shown.Camel(queued.Status));
        w.WriteTime("synced_at", queued.SyncedAt);
        w.WriteNumber("held_by", queued.HeldBy);
        if (mutation.Origin is { } origin)
        {
            w.WriteStartObject("origin");
            w.WriteOptional("request", origin.RequestId?.ToString());
            w.WriteOptional("reissued", origin.Reissued is { } dot ? MutationId.Of(dot).ToString() : null);
            w.WriteEndObject();
        }
        if (!mutation.Context.IsNull) w.WriteValue("context", mutation.Context);
        w.WriteStartArray("changes");
        foreach (Change change in mutation.Changes)
        {
            w.WriteStartObject();
            w.WriteString("path", change.Path.ToString());
            if (change.Value is { } value) w.WriteValue("value", value);
            else w.WriteBoolean("removed", true);
            w.WriteNumber("replaces", change.Observed.Count);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    });
}
