using System.CommandLine;
using Crdt.Cli.Arguments;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt index</c>: what makes queries fast on this replica.</summary>
internal static class IndexCommand
{
    private static readonly Argument<EntityScope> Type = CommonOptions.Type();

    private static readonly Option<string[]> Add = new("--add")
    {
        HelpName = "FIELD",
        Description = "Makes an index over a field, such as status or address/city, unless there is one. Reads all of the type once.",
    };

    private static readonly Option<string[]> Drop = new("--drop")
    {
        HelpName = "FIELD",
        Description = "Drops the index over a field.",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("index", "Lists the indexes of a type, makes or drops some. Each replica has its own; 'crdt query' goes by them.")
        {
            Type,
            Add,
            Drop,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        EntityScope type = context.Parsed.GetRequiredValue(Type);
        FieldPath[] dropped = [.. (context.Parsed.GetValue(Drop) ?? []).Select(FieldArguments.Path)];
        FieldPath[] added = [.. (context.Parsed.GetValue(Add) ?? []).Select(FieldArguments.Path)];
        await using CliHost host = await context.OpenAsync();
        foreach (FieldPath field in dropped)
        {
            if (!await host.Replica.DropIndexAsync(type.Domain, type.Type!, field, context.Cancellation))
                context.Output.Note($"There is no index over {field}.");
        }
        foreach (FieldPath field in added) await host.Replica.EnsureIndexAsync(type.Domain, type.Type!, field, context.Cancellation);
        string[] fields =
        [
            .. host.Replica.Indexes.Where(i => i.Domain == type.Domain && i.Type == type.Type).Select(i => i.Field.ToString()),
        ];
        if (context.Output.IsJson)
        {
            foreach (string field in fields)
            {
                context.Output.Json(w =>
                {
                    w.WriteString("type", $"{type.Domain}/{type.Type}");
                    w.WriteString("field", field);
                });
            }
        }
        else if (fields.Length == 0) context.Output.Note("There is no index.");
        else context.Output.Table(["field"], fields.Select(f => (IReadOnlyList<string>)[f]));
        return ExitCode.Ok;
    }
}
