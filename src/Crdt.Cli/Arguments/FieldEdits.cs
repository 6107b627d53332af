using System.CommandLine;
using System.Text;

namespace Crdt.Cli.Arguments;

/// <summary>What a command line says to do to an entity's fields; alike in every command that writes.</summary>
internal sealed class FieldEdits
{
    private readonly Argument<string[]> fields = new("fields")
    {
        HelpName = "FIELD=VALUE",
        Description = $"Fields to set; address/city names a nested one. {FieldArguments.ValueRule}",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string?> document = new("--json-doc")
    {
        HelpName = "TEXT|-",
        Description = "A JSON object that the fields shall equal (or a merge patch, with --patch); - reads standard "
            + "input.",
    };

    private readonly Option<bool> patch = new("--patch")
    {
        Description = "Takes --json-doc as a JSON merge patch (RFC 7396): null removes, what it does not name stays.",
    };

    private readonly Option<string[]> remove = Repeated("--remove", "FIELD", "Removes a field, with all "
        + "below it.");

    private readonly Option<string[]> increment =
        Repeated("--increment", "FIELD[=N]", "Counts: by 1, or by N, which may be negative.");

    private readonly Option<string[]> add = Repeated("--add", "SET=ELEM", "Adds an element to a set.");

    private readonly Option<string[]> discard = Repeated("--discard", "SET=ELEM", "Removes an element from a "
        + "set.");

    private FieldEdits()
    {
    }

    public static FieldEdits ForPut { get; } = new();

    public static FieldEdits ForRefused { get; } = new();

    /// <summary>A context of the application's, as JSON; null when none is given.</summary>
    public static Value ReadContext(string? json) => json is null ? Value.Null : Parse(json, "--context");

    /// <summary>Adds the arguments and options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Arguments.Add(fields);
        foreach (Option option in (Option[])[document, patch, remove, increment, add, discard]) command.Options.Add(option);
    }

    /// <summary>All steps, in order.</summary>
    public List<Action<EntityEdit>> Read(CliContext context)
    {
        var steps = new List<Action<EntityEdit>>();
        TakeWrites(context, steps);
        TakeRemovals(context, steps);
        return steps;
    }

    public bool TakeWrites(CliContext context, List<Action<EntityEdit>> steps)
    {
        int before = steps.Count;
        if (context.Parsed.GetValue(document) is { } text)
        {
            Value given = ReadDocument(text == "-" ? ReadInput(context) : text);
            if (context.Parsed.GetValue(patch)) steps.Add(e => e.Patch(given));
            else steps.Add(e => e.Replace(given));
        }
        else if (context.Parsed.GetValue(patch))
            throw CliException.Usage("--patch says how to take --json-doc, which is missing.");
        foreach (string assignment in context.Parsed.GetValue(fields) ?? [])
        {
            (FieldPath field, Value value) = FieldArguments.Assignment(assignment);
            steps.Add(e => e.Set(field, value));
        }
        foreach (string counted in context.Parsed.GetValue(increment) ?? [])
        {
            (FieldPath counter, long by) = FieldArguments.Increment(counted);
            steps.Add(e => e.Increment(counter, by));
        }
        foreach (string membership in context.Parsed.GetValue(add) ?? [])
        {
            (FieldPath set, string element) = FieldArguments.Membership(membership);
            steps.Add(e => e.Add(set, element));
        }
        return steps.Count > before;
    }

    public bool TakeRemovals(CliContext context, List<Action<EntityEdit>> steps)
    {
        int before = steps.Count;
        foreach (string removed in context.Parsed.GetValue(remove) ?? [])
        {
            FieldPath field = FieldArguments.Path(removed);
            steps.Add(e => e.Remove(field));
        }
        foreach (string membership in context.Parsed.GetValue(discard) ?? [])
        {
            (FieldPath set, string element) = FieldArguments.Membership(membership);
            steps.Add(e => e.Discard(set, element));
        }
        return steps.Count > before;
    }

    private static Option<string[]> Repeated(string name, string help, string description) =>
        new(name) { HelpName = help, Description = $"{description} May be repeated." };

    private static Value ReadDocument(string json)
    {
        Value document = Parse(json, "--json-doc");
        return document.Kind == ValueKind.Object
            ? document
            : throw CliException.Usage($"--json-doc is of kind {document.Kind}; an entity is a JSON object.");
    }

    private static Value Parse(string json, string option)
    {
        try
        {
            return Value.ParseJson(json);
        }
        catch (JsonInputException e)
        {
            throw CliException.Usage($"{option}: {e.Message}", inner: e);
        }
    }

    private static string ReadInput(CliContext context)
    {
        using var reader = new StreamReader(context.OpenInput(), new UTF8Encoding(false, throwOnInvalidBytes: true));
        try
        {
            return reader.ReadToEnd();
        }
        catch (DecoderFallbackException e)
        {
            throw CliException.Usage($"Standard input is not UTF-8: {e.Message}", inner: e);
        }
    }
}
