namespace Crdt;

/// <summary>What is in a conflict that waits for a person, looked up entity by entity as it is asked for; each entity once.</summary>
internal sealed class OpenConflicts(Replica replica)
{
    private readonly Dictionary<EntityKey, HashSet<Dot>> known = [];

    /// <summary>Whether the mutation wrote what is in conflict there.</summary>
    public bool Contains(Mutation mutation)
    {
        if (!replica.Writer.Contested.Contains(mutation.Key)) return false;
        if (!known.TryGetValue(mutation.Key, out HashSet<Dot>? dots))
            known[mutation.Key] = dots = DotsOf(replica.Get(mutation.Key)?.Conflicts().Where(c => c.IsOpen) ?? []);
        return dots.Contains(mutation.Dot);
    }

    /// <summary>Whose values are in conflicts.</summary>
    public static HashSet<Dot> DotsOf(IEnumerable<Conflict> conflicts) =>
        [.. conflicts.SelectMany(c => c.Siblings).Select(s => s.Dot)];
}
