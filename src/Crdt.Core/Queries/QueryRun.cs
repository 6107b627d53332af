namespace Crdt;

/// <summary>Answers a query as of one moment: what an index finds, and whatever the index cannot know of that moment.</summary>
/// <remarks>A store's index stands for some state between the last projection before the moment and now. Of whatever changed
/// in between, memory has the state of the moment, because a view is open: those entities are looked at one by one, and
/// the index is not believed about them. About all others it is right.</remarks>
internal sealed class QueryRun(EntityQuery query, ReplicaView view)
{
    private readonly ReplicaWriter writer = view.Writer;
    private readonly IReplicaStore store = view.Writer.Store;

    public EntityQueryPlan Plan()
    {
        (IndexSearch? search, bool isSorted) = Search();
        return new EntityQueryPlan(search?.Indexes ?? [], isSorted, search is null ? 0 : Unknown().Count);
    }

    public IEnumerable<Entity> Run()
    {
        if (query.Most == 0) return [];
        (IndexSearch? search, bool isSorted) = Search();
        IEnumerable<Entity> found = search is null ? Sorted(Scan()) : isSorted ? Merge(search) : Sorted(FromKeys(search));
        if (query.Skipped > 0) found = found.Skip(query.Skipped);
        return query.Most is { } most ? found.Take(most) : found;
    }

    private (IndexSearch? Search, bool IsSorted) Search()
    {
        if (!store.IsProjecting) return (null, false);
        // A sorted index pays where few are taken, or where there is nothing else to go by.
        IndexSearch? narrowed = query.Filter is { } filter ? store.Find(query.Domain, query.Type, filter) : null;
        if (query.Order is { } order && (narrowed is null || query.Most is not null)
            && store.FindSorted(new EntityIndex(query.Domain, query.Type, order), query.IsDescending, query.Filter) is { } sorted)
            return (sorted, true);
        return (narrowed, false);
    }

    private IEnumerable<Entity> Scan()
    {
        foreach (EntityKey key in writer.Cache.Keys(query.Domain, query.Type))
        {
            if (IsBehind(key) && view.Get(key) is { } entity && Holds(entity)) yield return entity;
        }
    }

    private bool IsBehind(EntityKey key) => query.Behind is not { } behind || string.CompareOrdinal(key.Id, behind) > 0;

    private bool Holds(Entity entity) => query.Filter?.Holds(entity) != false;

    /// <summary>Keys of whatever the index may not know as of the view's moment, as far as that can be told now.</summary>
    private HashSet<EntityKey> Unknown()
    {
        HashSet<EntityKey> keys = writer.Cache.UnprojectedKeys(query.Domain, query.Type);
        // What is read of them may depend on policies and refusals that are no part of them.
        keys.UnionWith(writer.Contested.Of(query.Domain, query.Type));
        return keys;
    }

    private IEnumerable<Entity> FromKeys(IndexSearch search)
    {
        HashSet<EntityKey> keys = Unknown();
        foreach (IReadOnlyList<EntityKey> group in search.Groups) keys.UnionWith(group);
        // Read behind the index: whatever was projected meanwhile has changed before.
        keys.UnionWith(writer.Cache.KeysChangedSince(view.Epoch, query.Domain, query.Type));
        EntityKey[] sorted = [.. keys];
        Array.Sort(sorted);
        foreach (EntityKey key in sorted)
        {
            if (IsBehind(key) && view.Peek(key) is { } entity && Holds(entity)) yield return entity;
        }
    }

    private IEnumerable<Entity> Sorted(IEnumerable<Entity> byKey)
    {
        if (query.Order is not { } order) return byKey;
        Ranked[] all = [.. byKey.Select(e => new Ranked(e, FieldComparison.Read(e, order)))];
        Array.Sort(all, Compare);
        return all.Select(r => r.Entity);
    }

    /// <summary>Two rows in order become one: what the index gives out, and what it does not know.</summary>
    private IEnumerable<Entity> Merge(IndexSearch search)
    {
        HashSet<EntityKey> unknown = [];
        var beside = new SortedSet<Ranked>(Comparer<Ranked>.Create(Compare));
        Ranked? last = null;
        AddBeside(Unknown());
        foreach (IReadOnlyList<EntityKey> group in search.Groups)
        {
            AddBeside(writer.Cache.KeysChangedSince(view.Epoch, query.Domain, query.Type));
            var ranked = new List<Ranked>(group.Count);
            foreach (EntityKey key in group)
            {
                if (!unknown.Contains(key) && Rank(key) is { } found) ranked.Add(found);
            }
            ranked.Sort(Compare);
            foreach (Ranked next in ranked)
            {
                while (beside.Count > 0 && Compare(beside.Min!, next) < 0)
                {
                    last = beside.Min!;
                    beside.Remove(last);
                    yield return last.Entity;
                }
                // While the caller held on, it may have changed, and been added beside: then it comes from there.
                if (last is not null && Compare(next, last) <= 0) continue;
                last = next;
                yield return next.Entity;
            }
        }
        AddBeside(writer.Cache.KeysChangedSince(view.Epoch, query.Domain, query.Type));
        foreach (Ranked rest in beside) yield return rest.Entity;

        void AddBeside(IEnumerable<EntityKey> keys)
        {
            foreach (EntityKey key in keys)
            {
                // What was given out already was given out as it was at the moment.
                if (unknown.Add(key) && Rank(key) is { } found && (last is null || Compare(found, last) > 0)) beside.Add(found);
            }
        }
    }

    private Ranked? Rank(EntityKey key) => IsBehind(key) && view.Peek(key) is { } entity && Holds(entity)
        ? new Ranked(entity, FieldComparison.Read(entity, query.Order!))
        : null;

    private int Compare(Ranked left, Ranked right)
    {
        int order = ValueOrder.Sort(left.Value, right.Value);
        if (order == 0) order = left.Entity.Key.CompareTo(right.Entity.Key);
        return query.IsDescending ? -order : order;
    }

    private sealed record Ranked(Entity Entity, Value Value);
}
