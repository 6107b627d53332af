using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt put</c>: one mutation of one entity.</summary>
internal static class PutCommand
{
    private static readonly Argument<EntityKey> Key = CommonOptions.Key();

    private static readonly Option<string?> Context = ContextOption();

    private static readonly Option<bool> CreateOnly = new("--create")
    {
        Description = "Only if it does not exist (exit code 6 otherwise).",
    };

    private static readonly Option<bool> Delete = new("--delete") { Description = "Deletes the entity." };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create()
    {
        var put = new Command("put", "Makes, changes or deletes an entity.") { Key };
        FieldEdits.ForPut.AddTo(put);
        foreach (Option option in (Option[])[CreateOnly, Delete, Context]) put.Options.Add(option);
        return (put, RunAsync);
    }

    /// <summary>Metadata of the application for the mutations that a command makes.</summary>
    internal static Option<string?> ContextOption() => new("--context")
    {
        HelpName = "JSON",
        Description = $"Metadata that stays with the change, such as a form's version: up to {FormatLimits.ContextLengthBytesMax} bytes encoded.",
    };

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        EntityKey key = context.Parsed.GetRequiredValue(Key);
        bool isCreate = context.Parsed.GetValue(CreateOnly), isDelete = context.Parsed.GetValue(Delete);
        var steps = new List<Action<EntityEdit>>();
        bool isWriting = FieldEdits.ForPut.TakeWrites(context, steps);
        bool isRemoving = FieldEdits.ForPut.TakeRemovals(context, steps);
        if (isDelete && (isCreate || steps.Count > 0))
            throw CliException.Usage("--delete stands alone: a deleted entity has no fields to change.");
        if (!isDelete && !isCreate && steps.Count == 0)
        {
            throw CliException.Usage($"There is nothing to put into {key}.",
                "FIELD=VALUE sets a field; --create makes an entity without any; --delete deletes it.");
        }
        Value metadata = FieldEdits.ReadContext(context.Parsed.GetValue(Context));
        await using CliHost host = await context.OpenAsync();
        bool existed = host.Replica.Get(key) is not null;
        Transaction transaction = Begin(host.Replica, context.User);
        EntityEdit edit = isDelete ? transaction.Delete(key)
            : isCreate ? transaction.Create(key)
            : isRemoving && !isWriting ? transaction.Update(key)
            : transaction.Upsert(key);
        edit.Context = metadata;
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
}
