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

    private static readonly Option<string?> Filter = new("--filter", "-f")
    {
        HelpName = "EXPRESSION",
        Description = "A condition with AND, OR, NOT and brackets: \"status = 'open' AND (priority >= 3 OR city LIKE 'Os%')\".",
    };

    private static readonly Option<string?> Order = new("--order-by", "-o")
    {
        HelpName = "FIELD",
        Description = "Sorted by this field instead of the ids; -FIELD for the other way round.",
    };

    private static readonly Option<bool> Explain = new("--explain")
    {
        Description = "Tells which index would be read, instead of the entities. 'crdt index' makes one.",
    };

    private static readonly Option<string?> Select = new("--select")
    {
        HelpName = "A,B",
        Description = "Only these fields, in this order.",
    };

    private static readonly Option<int?> Limit =
        CommonOptions.Limit($"At most so many. Default: {RowsShown} in a table, all with --json.");

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("query", "Lists the entities of a type.") { Type, Where, Filter, Order, Select, Limit, Explain },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        EntityScope type = context.Parsed.GetRequiredValue(Type);
        FieldCondition[] conditions = [.. (context.Parsed.GetValue(Where) ?? []).Select(FieldCondition.Parse)];
        FieldPath[]? selected = context.Parsed.GetValue(Select)?.Split(',', StringSplitOptions.TrimEntries)
            .Select(FieldArguments.Path).ToArray();
        int? limit = context.Parsed.GetValue(Limit);
        await using CliHost host = await context.OpenAsync();
        EntityQuery query = Ask(host.Replica.Query(type.Domain, type.Type!), conditions, context);
        if (context.Parsed.GetValue(Explain))
        {
            Tell(context.Output, query.Explain());
            return ExitCode.Ok;
        }
        FieldCondition[] beside = [.. conditions.Where(c => c.Filter is null)];
        // One more than shown, to know whether there are more; the rest is not looked for.
        int most = limit ?? (context.Output.IsJson ? int.MaxValue : RowsShown);
        if (beside.Length == 0 && most < int.MaxValue) query = query.Limit(most + 1);
        IEnumerable<Entity> found = query.Where(e => beside.All(c => c.Holds(e)));
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

    private static EntityQuery Ask(EntityQuery query, FieldCondition[] conditions, CliContext context)
    {
        foreach (FieldCondition condition in conditions)
        {
            if (condition.Filter is { } filter) query = query.Where(filter);
        }
        try
        {
            if (context.Parsed.GetValue(Filter) is { } expression) query = query.Where(expression);
        }
        catch (FormatException e)
        {
            throw CliException.Usage(e.Message, "Names stand bare, text in quotes: \"status = 'open' AND priority >= 3\".");
        }
        if (context.Parsed.GetValue(Order) is not { } order) return query;
        return order.StartsWith('-')
            ? query.OrderByDescending(FieldArguments.Path(order[1..]))
            : query.OrderBy(FieldArguments.Path(order));
    }

    private static void Tell(CliOutput output, EntityQueryPlan plan)
    {
        if (output.IsJson)
        {
            output.Json(w =>
            {
                w.WriteStartArray("indexes");
                foreach (EntityIndex index in plan.Indexes) w.WriteStringValue(index.Field.ToString());
                w.WriteEndArray();
                w.WriteBoolean("sorted_by_index", plan.IsSortedByIndex);
                w.WriteNumber("unprojected", plan.Unprojected);
            });
            return;
        }
        output.Line(plan.Indexes.Count == 0
            ? "Every entity of the type is looked at."
            : $"Read by the index of {string.Join(" and ", plan.Indexes.Select(i => i.Field))}{(plan.IsSortedByIndex ? ", in its order" : "")}.");
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
