namespace Crdt;

/// <summary>Keys of the entities that may hold concurrent values; so conflicts are found without a scan.</summary>
internal sealed class ContestedKeys
{
    private readonly Lock gate = new();
    private readonly HashSet<EntityKey> keys = [];

    /// <summary>On the writer's turn, as the only one.</summary>
    public void Update(EntityKey key, bool isContested)
    {
        if (!isContested && keys.Count == 0) return;
        lock (gate)
        {
            if (isContested) keys.Add(key);
            else keys.Remove(key);
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
