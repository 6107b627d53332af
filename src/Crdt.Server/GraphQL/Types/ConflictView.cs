using System.ComponentModel;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Conflict")]
[Description("Values that were written to one place of an entity without knowing of each other.")]
internal sealed class ConflictView(
    ServerSpace space, EntityKey key, FieldPath path, ConflictKind kind, ConflictPolicy policy, IReadOnlyList<Sibling> siblings, Value visible,
    ConflictStatus status, QueuedMutation? resolution = null)
{
    public ConflictView(ServerSpace space, Conflict conflict)
        : this(space, conflict.Key, conflict.Path, conflict.Kind, conflict.Policy, conflict.Siblings, conflict.Visible,
            conflict.IsOpen ? ConflictStatus.Open : ConflictStatus.Decided)
    {
    }

    [Id]
    [Description("Names it, as long as it lasts.")]
    public string Id => NameOf(key, path, resolution);

    public string Domain => key.Domain;

    public string EntityType => key.Type;

    public string EntityId => key.Id;

    [Description("The field; empty for the entity's existence.")]
    public string Path => path.ToString();

    public ConflictKind Kind => kind;

    public ConflictStatus Status => status;

    [Description("The strategy that is in force there.")]
    public ConflictStrategy Strategy => (ConflictStrategy)policy;

    [Description("What is read, meanwhile or by now.")]
    public Value Visible => visible;

    [Description("The sides, the latest first.")]
    public IEnumerable<SiblingView> Siblings => siblings.Select(s => new SiblingView(space, s, path));

    [Description("When it came to be: when the second of its sides was written.")]
    public DateTimeOffset CreatedAt => (siblings.Count > 1 ? siblings.Select(s => s.Timestamp).Order().ElementAt(1) : siblings[0].Timestamp).Time;

    [Description("When a person settled it.")]
    public DateTimeOffset? ResolvedAt => resolution?.Mutation.CreatedAt;

    public ConflictResolution? Resolution => resolution is null ? null : new ConflictResolution(space, resolution, visible);

    public EntityView? Entity => space.Replica.GetWithDeleted(key) is { } entity ? new EntityView(space, entity) : null;

    /// <summary>What it is about.</summary>
    internal EntityKey Key => key;

    /// <summary>Its name.</summary>
    internal static string NameOf(EntityKey key, FieldPath path, QueuedMutation? resolution = null) => Cursors.Encode(
        $"{resolution?.Mutation.Id.ToString() ?? ""}\n{path}\n{key}");

    /// <summary>A conflict that was settled, followed from the log; <see langword="null"/> where a resolution replaced nothing there.</summary>
    internal static IEnumerable<ConflictView> OfResolution(ServerSpace space, QueuedMutation resolution)
    {
        Replica replica = space.Replica;
        foreach (Change change in resolution.Mutation.Changes.Where(c => c.Observed.Count > 0 && c.Marks is null))
        {
            bool ofExistence = change.Path.IsRoot;
            if (ofExistence && resolution.Mutation.Changes.Count > 1) continue;
            Sibling[] sides = [.. change.Observed.Select(d => Read(replica, d, change.Path)).OfType<Sibling>().OrderByDescending(s => s.Timestamp)];
            if (sides.Length == 0) continue;
            yield return new ConflictView(space, resolution.Mutation.Key, change.Path, ofExistence ? ConflictKind.Existence : ConflictKind.Values,
                replica.PolicyOf(resolution.Mutation.Key, change.Path), sides, change.Value ?? Value.Null, ConflictStatus.Resolved, resolution);
        }
    }

    /// <summary>What a mutation wrote to a place, by the log.</summary>
    internal static Sibling? Read(Replica replica, Dot dot, FieldPath path)
    {
        if (replica.FindMutation(dot)?.Mutation is not { } written) return null;
        Change? change = written.Changes.FirstOrDefault(c => c.Path.Equals(path) && c.Value is not null);
        return change is null ? null
            : new Sibling(dot, written.Timestamp, change.Claim ?? written.Timestamp, written.Role, change.Value!.Value);
    }
}
