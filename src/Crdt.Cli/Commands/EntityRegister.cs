namespace Crdt.Cli.Commands;

/// <summary>One register of an entity, with everything that is held in it.</summary>
/// <param name="Name">Its field, for people; empty for the entity's existence.</param>
/// <param name="Kind"><c>existence</c>, <c>value</c>, <c>element</c> or <c>counter</c>.</param>
/// <param name="Policy">What decides between concurrent values.</param>
/// <param name="Siblings">The latest first.</param>
/// <param name="Visible">The value that is read.</param>
internal sealed record EntityRegister(
    string Name, string Kind, ConflictPolicy Policy, IReadOnlyList<Sibling> Siblings, Value? Visible)
{
    /// <summary>The entity's existence, then the registers of what is visible; or those of one field.</summary>
    public static IReadOnlyList<EntityRegister> Of(Entity entity, Replica replica, FieldPath? field)
    {
        var found = new List<EntityRegister>();
        void Add(FieldPath path, string kind, Value? visible)
        {
            if (entity.Siblings(path) is not { Count: > 0 } siblings) return;
            ConflictPolicy policy = replica.PolicyOf(entity.Key, path);
            found.Add(new EntityRegister(path.ToString(), kind, policy, siblings, visible));
        }

        void Walk(FieldPath path, Value value)
        {
            Add(path, "value", value);
            Add(path.AsCounter(), "counter", null);
            if (entity.Siblings(path).Count > 0) return;
            if (value.Kind == ValueKind.Array)
            {
                foreach (Value element in value.AsArray()) Add(path.Element(element.AsString()), "element", Value.True);
            }
            else if (value.Kind == ValueKind.Object)
            {
                foreach ((string name, Value member) in value.AsObject()) Walk(path.Key(name), member);
            }
        }

        if (field is null) Add(FieldPath.Root, "existence", Value.From(entity.Exists));
        foreach ((string name, Value value) in entity.Fields)
        {
            if (field is null) Walk(FieldPath.Field(name), value);
        }
        if (field is not null && entity[field] is { } only) Walk(field, only);
        return found;
    }
}
