using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt query</c>: the entities of a type that fulfil conditions.</summary>
internal static class QueryCommand
{
    /// <summary>Rows that a person is shown unless asked otherwise; JSON has no such bound.</summary>
    private const int RowsShown = 50;

    private static readonly Argument<EntityScope> Type = CommonOptions.Type();

    private static readonly Option<string[]> Where = new("--where", "-w")
    {
        HelpName = "CONDITION",
        Description = "FIELD=VALUE, or with !=, >, >=, <, <=, or ~ for \"contains\". Repeated: all must hold.",
    };

    private static readonly Option<string?> Select = new("--select")
    {
        HelpName = "A,B",
        Description = "Only these fields, in this order.",
    };

    private static readonly Option<int?> Limit =
        CommonOptions.Limit($"At most so many. Default: {RowsShown} in a table, all with --json.");

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("query", "Lists the entities of a type, in order of their ids.") { Type, Where, Select, Limit },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        EntityScope type = context.Parsed.GetRequiredValue(Type);
        FieldCondition[] conditions = [.. (context.Parsed.GetValue(Where) ?? []).Select(FieldCondition.Parse)];
        FieldPath[]? selected = context.Parsed.GetValue(Select)?.Split(',', StringSplitOptions.TrimEntries)
            .Select(FieldArguments.Path).ToArray();
        int? limit = context.Parsed.GetValue(Limit);
        await using CliHost host = await context.OpenAsync();
        IEnumerable<Entity> found = host.Replica.Query(type.Domain, type.Type!)
            .Where(e => conditions.All(c => c.Holds(e)));
        if (context.Output.IsJson)
        {
            foreach (Entity entity in limit is { } max ? found.Take(max) : found)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                WriteJson(context.Output, entity, selected);
            }
        }
        else WriteTable(context.Output, found, selected, limit ?? RowsShown);
        return ExitCode.Ok;
    }

    private static void WriteJson(CliOutput output, Entity entity, FieldPath[]? selected)
    {
        if (selected is null)
        {
            ExportCommand.Write(output.Raw, entity);
            return;
        }
        output.Json(w =>
        {
            w.WriteString("key", entity.Key.ToString());
            w.WriteStartObject("fields");
            foreach (FieldPath field in selected) w.WriteValue(field.ToString(), entity[field]);
            w.WriteEndObject();
        });
    }

    private static void WriteTable(CliOutput output, IEnumerable<Entity> found, FieldPath[]? selected, int limit)
    {
        // One more than shown, to know whether there are more; the rest is not looked at.
        List<Entity> entities = [.. found.Take(limit == int.MaxValue ? limit : limit + 1)];
        bool isCut = entities.Count > limit;
        if (isCut) entities.RemoveAt(limit);
        if (entities.Count == 0 && !isCut)
        {
            output.Note("No entity fulfils that.");
            return;
        }
        FieldPath[] fields = selected
            ?? [.. entities.SelectMany(e => e.FieldNames).Distinct()
                .Order(StringComparer.Ordinal).Select(FieldPath.Field)];
        int shown = selected is null && output.IsInteractive ? Fitting(output, entities, fields) : fields.Length;
        output.Table(
            ["id", .. fields.Take(shown).Select(f => f.ToString())],
            entities.Select(e => (IReadOnlyList<string>)
                [e.Key.Id, .. fields.Take(shown).Select(f => Shown.Value(e[f]))]));
        if (shown < fields.Length)
        {
            output.Note($"Not shown: {string.Join(", ", fields.Skip(shown))}. --select names the fields to show.");
        }
        if (isCut) output.Note($"The first {limit}; --limit N shows more.");
    }

    /// <summary>How many fields fit beside each other in the terminal; at least one.</summary>
    private static int Fitting(CliOutput output, List<Entity> entities, FieldPath[] fields)
    {
        const int BorderPerColumn = 3;
        int width = 1 + BorderPerColumn + entities.Max(e => Shown.Cell(e.Key.Id).Length);
        for (int i = 0; i < fields.Length; i++)
        {
            int header = Shown.Cell(fields[i].ToString()).Length;
            int cells = entities.Max(e => Shown.Cell(Shown.Value(e[fields[i]])).Length);
            width += BorderPerColumn + Math.Max(header, cells);
            if (width > output.Console.Profile.Width) return Math.Max(1, i);
        }
        return fields.Length;
    }
}
