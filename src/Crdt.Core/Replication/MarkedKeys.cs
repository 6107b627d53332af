namespace Crdt;

/// <summary>Keys of the entities that have something in particular; so they are found without a scan.</summary>
internal sealed class MarkedKeys
{
    private readonly Lock gate = new();
    private readonly HashSet<EntityKey> keys = [];

    /// <summary>On the writer's turn, as the only one.</summary>
    /// <returns>Whether it is marked now, or was before.</returns>
    public bool Update(EntityKey key, bool isMarked)
    {
        if (!isMarked && keys.Count == 0) return false;
        lock (gate)
        {
            if (!isMarked) return keys.Remove(key);
            keys.Add(key);
            return true;
        }
    }

    public bool Contains(EntityKey key)
    {
        lock (gate) return keys.Contains(key);
    }

    /// <summary>Those of a type, in no order.</summary>
    public EntityKey[] Of(string domain, string type)
    {
        lock (gate) return [.. keys.Where(k => k.Type == type && k.Domain == domain)];
    }

    /// <summary>In order: sorted here, since keys come and go with every commit and are seldom asked for.</summary>
    public EntityKey[] ToArray()
    {
        EntityKey[] all;
        lock (gate) all = [.. keys];
        Array.Sort(all);
        return all;
    }
}
