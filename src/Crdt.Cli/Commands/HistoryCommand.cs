using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt history</c>: who wrote what of an entity when, and what that replaced.</summary>
internal static class HistoryCommand
{
    private static readonly Argument<EntityKey> Key = CommonOptions.Key();

    private static readonly Argument<string?> Field = new("field")
    {
        HelpName = "FIELD",
        Description = "Only this field, with what lies in it.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<int?> Limit = CommonOptions.Limit("Only the newest so many.");

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("history", "Lists who wrote what of an entity when, and what that replaced, the newest last. "
            + "'crdt get KEY --at' shows the entity as it was.")
        {
            Key, Field, Limit,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        EntityKey key = context.Parsed.GetRequiredValue(Key);
        FieldPath? field = context.Parsed.GetValue(Field) is { } name ? FieldArguments.Path(name) : null;
        await using CliHost host = await context.OpenAsync();
        IEnumerable<HistoryEntry> history = host.Replica.History(key, field);
        if (context.Parsed.GetValue(Limit) is { } limit) history = history.TakeLast(limit);
        int count = 0;
        if (context.Output.IsJson)
        {
            foreach (HistoryEntry entry in history)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                WriteJson(context.Output, entry);
                count++;
            }
        }
        else
        {
            IReadOnlyList<string>[] rows = [.. history.SelectMany(e => Rows(e, host.Replica))];
            count = rows.Length;
            if (count > 0)
                context.Output.Table(["at", "mutation", "by", "what", "field", "value", "replaced"], rows);
        }
        if (count == 0 && host.Replica.GetWithDeleted(key) is null) throw CliException.NotFound($"{key} does not exist.");
        if (count == 0) context.Output.Note(field is null ? $"The log holds nothing of {key}." : $"Nobody wrote to '{field}'.");
        return ExitCode.Ok;
    }

    private static IEnumerable<IReadOnlyList<string>> Rows(HistoryEntry entry, Replica replica)
    {
        foreach ((int i, HistoryChange change) in entry.Changes.Index())
        {
            Mutation? mutation = entry.Mutation;
            string by = mutation is not null ? By(mutation, replica.Id)
                : change.Written is { } written ? Shown.Author(written.Dot.Replica, replica.Id) : "";
            DateTimeOffset? at = mutation?.CreatedAt ?? change.Written?.Timestamp.Time;
            yield return
            [
                i == 0 || mutation is null ? at is { } time ? Shown.Time(time) : "" : "",
                i == 0 ? mutation is null ? "snapshot" : Shown.Short(mutation.Id) : "",
                i == 0 || mutation is null ? by : "",
                i == 0 ? mutation is null ? $"by {Shown.Short(entry.Snapshot!.Maker)}" : Shown.Camel(mutation.Kind) : "",
                change.Path.IsRoot ? "(entity)" : change.Path.ToString(),
                change.Marks is { } mark ? $"({Shown.Camel(mark)})" : Value(change.Path, change.Written),
                string.Join(", ", change.Replaced.Select(r =>
                    $"{Value(change.Path, r)} by {Shown.Author(r.Dot.Replica, replica.Id)} at {Shown.Second(r.Timestamp.Time)}")),
            ];
        }
    }

    private static string By(Mutation mutation, ReplicaId self) =>
        (mutation.User is { } user ? $"{user} on " : "") + Shown.Author(mutation.Dot.Replica, self);

    private static string Value(FieldPath path, Sibling? sibling) =>
        sibling is not { } held ? "(removed)" : path.IsRoot ? held.Value.AsBoolean() ? "alive" : "deleted" : held.Value.ToJson();

    private static void WriteJson(CliOutput output, HistoryEntry entry) => output.Json(w =>
    {
        if (entry.Mutation is { } mutation)
        {
            w.WriteString("mutation", mutation.Id.ToString());
            w.WriteString("author", mutation.Dot.Replica.ToString());
            w.WriteNumber("sequence", mutation.Dot.Sequence);
            w.WriteOptional("user", mutation.User);
            w.WriteString("kind", Shown.Camel(mutation.Kind));
            w.WriteTime("at", mutation.CreatedAt);
            if (!mutation.Context.IsNull) w.WriteValue("context", mutation.Context);
        }
        else if (entry.Snapshot is { } snapshot)
        {
            w.WriteStartObject("snapshot");
            w.WriteString("maker", snapshot.Maker.ToString());
            w.WriteVector("vector", snapshot.Vector);
            w.WriteEndObject();
        }
        w.WriteStartArray("changes");
        foreach (HistoryChange change in entry.Changes)
        {
            w.WriteStartObject();
            w.WriteString("path", change.Path.ToString());
            if (change.Marks is { } mark) w.WriteString("mark", Shown.Camel(mark));
            else if (change.Written is { } written)
            {
                w.WriteValue("value", written.Value);
                if (entry.Mutation is null) Write(w, written);
            }
            else w.WriteBoolean("removed", true);
            w.WriteStartArray("replaced");
            foreach (Sibling replaced in change.Replaced)
            {
                w.WriteStartObject();
                w.WriteValue("value", replaced.Value);
                Write(w, replaced);
                w.WriteEndObject();
            }
            w.WriteEndArray();
            w.WriteEndObject();
        }
        w.WriteEndArray();
    });

    private static void Write(System.Text.Json.Utf8JsonWriter w, Sibling sibling)
    {
        w.WriteString("author", sibling.Dot.Replica.ToString());
        w.WriteString("mutation", MutationId.Of(sibling.Dot).ToString());
        w.WriteTime("at", sibling.Timestamp.Time);
    }
}
