using System.ComponentModel;
using Crdt.Server.Hosting;
using GraphQL;

namespace Crdt.Server.GraphQL.Types;

[Name("Entity")]
[Description("An entity as it is now.")]
internal sealed class EntityView(ServerSpace space, Entity entity)
{
    public string Domain => entity.Key.Domain;

    public string EntityType => entity.Key.Type;

    public string EntityId => entity.Key.Id;

    [Description("Whether it is alive.")]
    public bool Exists => entity.Exists;

    [Description("What it holds; null when it is deleted.")]
    public Value? Fields => entity.Exists ? entity.ToValue() : (Value?)null;

    [Description("What whoever reads this has seen: to be sent back with a mutation, so that what others wrote meanwhile counts as concurrent.")]
    public string Version => Cursors.EncodeVersion(entity.Version);

    [Description("When the first mutation of it was made that the log still holds.")]
    public DateTimeOffset? CreatedAt() => space.Replica.Page(new MutationFilter { Key = entity.Key }, 1).Items is [var first, ..]
        ? first.Mutation.CreatedAt : null;

    [Description("When what it holds was written last.")]
    public DateTimeOffset? UpdatedAt => entity.UpdatedAt?.Time;

    [Description("What was written concurrently in it: what waits for a person, and what policies decided.")]
    public IEnumerable<ConflictView> Conflicts => entity.Conflicts().Select(c => new ConflictView(space, c));

    [Description("Who wrote what when, and what that replaced, in the order in which this server learned of it.")]
    public HistoryConnection History(
        [Description("Only this field, with what lies in it.")] string? field, [Description("How many at most: 50, and no more than 200.")] int? first, string? after)
    {
        int count = Paging.Count(first), offset = Cursors.DecodeOffset(after);
        FieldPath? path = field is null ? null : Paging.Path(field);
        HistoryEntry[] found = [.. space.Replica.History(entity.Key, path).Skip(offset).Take(count + 1)];
        HistoryEdge[] edges = [.. found.Take(count).Select((e, i) =>
            new HistoryEdge(Cursors.Encode($"{offset + i}"), new HistoryEntryView(space, e)))];
        return new HistoryConnection(edges, found.Length > count, offset > 0);
    }

    /// <summary>Which.</summary>
    internal EntityKey Key => entity.Key;
}
