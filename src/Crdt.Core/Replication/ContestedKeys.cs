namespace Crdt;

/// <summary>Keys of the entities that may hold concurrent values; so conflicts are found without a scan.</summary>
internal sealed class ContestedKeys
{
    private readonly Lock gate = new();
    private readonly SortedSet<EntityKey> keys = [];

    public void Update(EntityKey key, bool isContested)
    {
        lock (gate)
        {
            if (isContested) keys.Add(key);
            else if (keys.Count > 0) keys.Remove(key);
        }
    }

    public bool Contains(EntityKey key)
    {
        lock (gate) return keys.Contains(key);
    }

    public EntityKey[] ToArray()
    {
        lock (gate) return [.. keys];
    }
}
