using System.CommandLine;
using Crdt.Cli.Arguments;
using Crdt.Cli.Output;

namespace Crdt.Cli.Commands;

/// <summary><c>crdt get</c>: one entity, a field of it, or everything that is held of it.</summary>
internal static class GetCommand
{
    private static readonly Argument<EntityKey> Key = CommonOptions.Key();

    private static readonly Argument<string?> Field = new("field")
    {
        HelpName = "FIELD",
        Description = "Only this field; address/city names a nested one. Text is printed as it is, all else as JSON.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<bool> Siblings = new("--siblings")
    {
        Description = "All live values of every field, also those that the policy passes over: who wrote "
            + "them, and when.",
    };

    private static readonly Option<string?> At = new("--at")
    {
        HelpName = "TIME|MUTATION|VECTOR",
        Description = $"The entity {PastMoment.Rule}",
    };

    public static (Command, Func<CliContext, Task<ExitCode>>) Create() => (
        new Command("get", "Shows an entity. Exit code 3 when it does not exist or is deleted.")
        {
            Key, Field, Siblings, At,
        },
        RunAsync);

    private static async Task<ExitCode> RunAsync(CliContext context)
    {
        EntityKey key = context.Parsed.GetRequiredValue(Key);
        FieldPath? field = context.Parsed.GetValue(Field) is { } name ? FieldArguments.Path(name) : null;
        await using CliHost host = await context.OpenAsync();
        string? at = context.Parsed.GetValue(At);
        Entity entity = (at is null ? host.Replica.GetWithDeleted(key) : PastMoment.Read(host.Replica, key, at))
            ?? throw CliException.NotFound(at is null ? $"{key} does not exist." : $"{key} did not exist then.");
        if (context.Parsed.GetValue(Siblings))
        {
            IReadOnlyList<EntityRegister> registers = EntityRegister.Of(entity, host.Replica, field);
            var writers = new Writers(host.Replica, registers.SelectMany(r => r.Siblings));
            if (context.Output.IsJson) WriteJson(context.Output, entity, registers, writers);
            else WriteTable(context.Output, entity, registers, writers, host.Replica.Id);
            return entity.Exists ? ExitCode.Ok : ExitCode.NotFound;
        }
        if (!entity.Exists) throw Deleted(entity, host.Replica);
        Write(context.Output, entity, field);
        return ExitCode.Ok;
    }

    private static void Write(CliOutput output, Entity entity, FieldPath? field)
    {
        if (field is null)
        {
            output.Raw(entity.ToJson(indented: !output.IsJson));
            return;
        }
        Value value = entity[field] ?? throw CliException.NotFound($"{entity.Key} has no field '{field}'.",
            $"It has: {string.Join(", ", entity.FieldNames)}.");
        if (output.IsJson) output.Raw(value.ToJson());
        else output.Line(value.ToString());
    }

    private static CliException Deleted(Entity entity, Replica replica)
    {
        Sibling delete = entity.Siblings(FieldPath.Root)[0];
        string by = new Writers(replica, [delete]).Describe(delete, replica.Id);
        return CliException.NotFound($"{entity.Key} was deleted by {by} at {Shown.Time(delete.Timestamp.Time)}.",
            "'crdt put' makes it anew, with none of its old fields.");
    }

    private static void WriteTable(
        CliOutput output, Entity entity, IReadOnlyList<EntityRegister> registers, Writers writers, ReplicaId self) =>
        output.Table(["field", "read", "value", "by", "at", "policy"], registers.SelectMany(register =>
        {
            int visible = SiblingJson.VisibleIndex(register.Siblings, register.Visible);
            return register.Siblings.Select((sibling, i) => (IReadOnlyList<string>)
            [
                i > 0 ? "" : register.Kind == "existence" ? "(entity)" : register.Name,
                i == visible || register.Kind == "counter" ? "*" : "",
                register.Kind == "existence" ? sibling.Value.AsBoolean() ? "alive" : "deleted" : sibling.Value.ToJson(),
                writers.Describe(sibling, self),
                Shown.Time(sibling.Timestamp.Time),
                i == 0 && register.Kind == "value" ? register.Policy.ToString() : "",
            ]);
        }));

    private static void WriteJson(
        CliOutput output, Entity entity, IReadOnlyList<EntityRegister> registers, Writers writers) => output.Json(w =>
        {
            w.WriteString("key", entity.Key.ToString());
            w.WriteBoolean("exists", entity.Exists);
            w.WriteStartArray("registers");
            foreach (EntityRegister register in registers)
            {
                w.WriteStartObject();
                w.WriteString("field", register.Name);
                w.WriteString("kind", register.Kind);
                w.WriteString("policy", register.Policy.ToString());
                SiblingJson.Write(w, register.Siblings, register.Visible, writers);
                w.WriteEndObject();
            }
            w.WriteEndArray();
        });
}
