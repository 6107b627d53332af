using System.CommandLine;
using System.Text;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt put</c>: one mutation of one entity.</summary>
internal static class PutCommand
{
    private static readonly Argument<EntityKey> Key = CommonOptions.Key();

    private static readonly Argument<string[]> Fields = new("fields")
    {
        HelpName = "FIELD=VALUE",
        Description = $"Fields to set; address/city names a nested one. {FieldArguments.ValueRule}",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<string?> Document = new("--json-doc")
    {
        HelpName = "TEXT|-",
        Description = "A JSON object that the fields shall equal (or a merge patch, with --patch); - reads standard "
            + "input.",
    };

    private static readonly Option<bool> Patch = new("--patch")
    {
        Description = "Takes --json-doc as a JSON merge patch (RFC 7396): null removes, what it does not name stays.",
    };

    private static readonly Option<string[]> Remove = Repeated("--remove", "FIELD", "Removes a field, with all "
        + "below it.");

    private static readonly Option<string[]> Increment =
        Repeated("--increment", "FIELD[=N]", "Counts: by 1, or by N, which may be negative.");

    private static readonly Option<string[]> Add = Repeated("--add", "SET=ELEM", "Adds an element to a set.");

    private static readonly Option<string[]> Discard = Repeated("--discard", "SET=ELEM", "Removes an element from a "
        + "set.");

    private static readonly Option<bool> CreateOnly = new("--create")
    {
        Description = "Only if it does not exist (exit code 6 otherwise).",
    };

    private static readonly Option<bool> Delete = new("--delete") { Description = "Deletes the entity." };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("put", "Makes, changes or deletes an entity.")
        {
            Key, Fields, Document, Patch, Remove, Increment, Add, Discard, CreateOnly, Delete,
        },
        RunAsync);

    private static Option<string[]> Repeated(string name, string help, string description) =>
        new(name) { HelpName = help, Description = $"{description} May be repeated." };

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        EntityKey key = context.Parsed.GetRequiredValue(Key);
        bool isCreate = context.Parsed.GetValue(CreateOnly), isDelete = context.Parsed.GetValue(Delete);
        var steps = new List<Action<EntityEdit>>();
        bool isWriting = TakeWrites(context, steps);
        bool isRemoving = TakeRemovals(context, steps);
        if (isDelete && (isCreate || steps.Count > 0))
            throw CliException.Usage("--delete stands alone: a deleted entity has no fields to change.");
        if (!isDelete && !isCreate && steps.Count == 0)
        {
            throw CliException.Usage($"There is nothing to put into {key}.",
                "FIELD=VALUE sets a field; --create makes an entity without any; --delete deletes it.");
        }
        await using CliHost host = await context.OpenAsync();
        bool existed = host.Replica.Get(key) is not null;
        Transaction transaction = Begin(host.Replica, context.User);
        EntityEdit edit = isDelete ? transaction.Delete(key)
            : isCreate ? transaction.Create(key)
            : isRemoving && !isWriting ? transaction.Update(key)
            : transaction.Upsert(key);
        try
        {
            foreach (Action<EntityEdit> step in steps) step(edit);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage(e);
        }
        CommitResult result = await transaction.CommitAsync(context.Cancellation);
        string done = isDelete ? "deleted" : result.Count == 0 ? "unchanged" : existed ? "changed" : "created";
        Report(context.Output, key, done, result);
        return ExitCode.Ok;
    }

    /// <summary>Begins a transaction in the person's name.</summary>
    internal static Transaction Begin(Replica replica, string? user)
    {
        try
        {
            return replica.Begin(user);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage(e, "--user: ");
        }
    }

    internal static void Report(CliOutput output, EntityKey key, string done, CommitResult result)
    {
        if (output.IsJson)
        {
            output.Json(w =>
            {
                w.WriteString("key", key.ToString());
                w.WriteString("done", done);
                w.WriteStartArray("mutations");
                foreach (Guid id in result.MutationIds) w.WriteStringValue(id.ToString());
                w.WriteEndArray();
            });
            return;
        }
        string mutation = string.Join(' ', result.MutationIds.Select(id => $"  mutation {id}"));
        output.Line($"{done} {key}{mutation}");
    }

    private static bool TakeWrites(CliContext context, List<Action<EntityEdit>> steps)
    {
        int before = steps.Count;
        if (context.Parsed.GetValue(Document) is { } text)
        {
            Value document = ReadDocument(text == "-" ? ReadInput(context) : text);
            if (context.Parsed.GetValue(Patch)) steps.Add(e => e.Patch(document));
            else steps.Add(e => e.Replace(document));
        }
        else if (context.Parsed.GetValue(Patch))
            throw CliException.Usage("--patch says how to take --json-doc, which is missing.");
        foreach (string assignment in context.Parsed.GetValue(Fields) ?? [])
        {
            (FieldPath field, Value value) = FieldArguments.Assignment(assignment);
            steps.Add(e => e.Set(field, value));
        }
        foreach (string increment in context.Parsed.GetValue(Increment) ?? [])
        {
            (FieldPath counter, long by) = FieldArguments.Increment(increment);
            steps.Add(e => e.Increment(counter, by));
        }
        foreach (string membership in context.Parsed.GetValue(Add) ?? [])
        {
            (FieldPath set, string element) = FieldArguments.Membership(membership);
            steps.Add(e => e.Add(set, element));
        }
        return steps.Count > before;
    }

    private static bool TakeRemovals(CliContext context, List<Action<EntityEdit>> steps)
    {
        int before = steps.Count;
        foreach (string removed in context.Parsed.GetValue(Remove) ?? [])
        {
            FieldPath field = FieldArguments.Path(removed);
            steps.Add(e => e.Remove(field));
        }
        foreach (string membership in context.Parsed.GetValue(Discard) ?? [])
        {
            (FieldPath set, string element) = FieldArguments.Membership(membership);
            steps.Add(e => e.Discard(set, element));
        }
        return steps.Count > before;
    }

    private static Value ReadDocument(string json)
    {
        try
        {
            var document = Value.ParseJson(json);
            return document.Kind == ValueKind.Object
                ? document
                : throw CliException.Usage($"--json-doc is of kind {document.Kind}; an entity is a JSON object.");
        }
        catch (JsonInputException e)
        {
            throw CliException.Usage($"--json-doc: {e.Message}", inner: e);
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
