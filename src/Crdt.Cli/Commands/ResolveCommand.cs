using System.CommandLine;
using System.Globalization;
using Crdt.Cli.Arguments;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt resolve</c>: a person settles a conflict.</summary>
internal static class ResolveCommand
{
    // Fewer digits are a number in the list; a mutation's beginning takes at least this many.
    private const int PrefixLengthMin = 4;

    private static readonly Argument<EntityKey> Key = CommonOptions.Key();

    private static readonly Argument<string?> Field = new("field")
    {
        HelpName = "FIELD",
        Description = "The field, as 'crdt conflicts' shows it; none where it is about whether the entity is deleted.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<string?> Pick = new("--pick")
    {
        HelpName = "N|MUTATION",
        Description = "The side that shall stand: its number in 'crdt conflicts', or (safer in scripts: the numbers "
            + "change when "
            + "another side arrives) the beginning of its mutation's id.",
    };

    private static readonly Option<string?> NewValue = new("--value")
    {
        HelpName = "VALUE",
        Description = $"A new value that shall stand. {FieldArguments.ValueRule}",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("resolve", "Settles a conflict: picks a side, or gives a new "
            + "value.") { Key, Field, Pick, NewValue },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        EntityKey key = context.Parsed.GetRequiredValue(Key);
        FieldPath field = context.Parsed.GetValue(Field) is { } text ? FieldArguments.Path(text) : FieldPath.Root;
        string? pick = context.Parsed.GetValue(Pick), given = context.Parsed.GetValue(NewValue);
        if (pick is null == given is null)
            throw CliException.Usage("Either --pick N or --value VALUE says what shall stand.");
        Value? value = given is null ? default(Value?) : FieldArguments.Value(given, field.ToString());
        await using CliHost host = await context.OpenAsync();
        Conflict conflict = Find(host.Replica, key, field);
        Transaction transaction = PutCommand.Begin(host.Replica, context.User);
        if (conflict.Kind == ConflictKind.Existence && value is { Kind: not ValueKind.Boolean })
            throw CliException.Usage("The entity is kept with --value true, and deleted with --value false.");
        if (value is { } chosen) transaction.Resolve(conflict, chosen);
        else transaction.Resolve(conflict, Choose(conflict, pick!));
        CommitResult result = await transaction.CommitAsync(context.Cancellation);
        PutCommand.Report(context.Output, key, "resolved", result);
        return ExitCode.Ok;
    }

    private static Conflict Find(Replica replica, EntityKey key, FieldPath field)
    {
        Entity entity = replica.Get(key) ?? throw CliException.NotFound($"{key} does not exist or is deleted.");
        IReadOnlyList<Conflict> conflicts = entity.Conflicts();
        return conflicts.FirstOrDefault(c => c.Path == field) ?? throw new CliException(
            ExitCode.Precondition, field.IsRoot ? $"Whether {key} is deleted is not in conflict." : $"'{field}' of {key} is not in conflict.",
            conflicts.Count == 0 ? "Nothing of it is: somebody may have settled it."
                : $"In conflict are: {string.Join(", ", conflicts.Select(c => c.Path.IsRoot ? "whether it is deleted" : c.Path.ToString()))}.");
    }

    private static Sibling Choose(Conflict conflict, string pick)
    {
        if (conflict.Kind == ConflictKind.Kinds)
        {
            throw CliException.Usage($"'{conflict.Path}' is in use as different kinds (value, map, set, counter), "
                + "which cannot be picked.",
                "--value gives the value that shall stand.");
        }
        Sibling[] found = pick.Length < PrefixLengthMin
            && int.TryParse(pick, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? [.. conflict.Siblings.Skip(number - 1).Take(number > 0 ? 1 : 0)]
            : pick.Length < PrefixLengthMin ? []
            : [.. conflict.Siblings.Where(
                s => MutationId.Of(s.Dot).ToString().StartsWith(pick, StringComparison.OrdinalIgnoreCase))];
        return found.Length == 1 ? found[0] : throw CliException.Usage(
            $"'{pick}' is no side of the conflict.",
            $"It has {conflict.Siblings.Count}, of the mutations "
            + $"{string.Join(", ", conflict.Siblings.Select(s => Output.Shown.Short(MutationId.Of(s.Dot))))}.");
    }
}
