namespace Crdt;

/// <summary>Distinct items in the order of their first use, found again by content. Small tables are searched
/// one by one; only past that a dictionary is made.</summary>
internal sealed class FirstUseTable<T>
    where T : notnull, IEquatable<T>
{
    private const int Linear = 8;

    // A dictionary that once grew large costs its whole capacity to clear: such a one is given up.
    private const int KeptMax = 1_024;

    private readonly List<T> items = [];
    private Dictionary<T, int>? indexes;

    public int Count => items.Count;

    public T this[int index] => items[index];

    /// <summary>The index of the item, added at the end when it is new.</summary>
    public int GetOrAdd(T item)
    {
        int index = IndexOf(item);
        if (index >= 0) return index;
        Append(item);
        return items.Count - 1;
    }

    /// <summary>Adds an item at the end, unless it is there already.</summary>
    public bool TryAdd(T item)
    {
        if (IndexOf(item) >= 0) return false;
        Append(item);
        return true;
    }

    public int IndexOf(T item)
    {
        if (indexes is { Count: > 0 }) return indexes.TryGetValue(item, out int index) ? index : -1;
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i].Equals(item)) return i;
        }
        return -1;
    }

    public void Truncate(int count)
    {
        if (count == items.Count) return;
        if (count <= Linear)
        {
            // Short again, it is searched one by one: what is added next does not go into the dictionary.
            indexes?.Clear();
        }
        else if (indexes is { Count: > 0 })
        {
            for (int i = count; i < items.Count; i++) indexes.Remove(items[i]);
        }
        items.RemoveRange(count, items.Count - count);
    }

    public void Clear()
    {
        if (items.Count > KeptMax) indexes = null;
        else indexes?.Clear();
        items.Clear();
    }

    private void Append(T item)
    {
        if (items.Count >= Linear)
        {
            indexes ??= new Dictionary<T, int>();
            if (indexes.Count == 0)
            {
                for (int i = 0; i < items.Count; i++) indexes.Add(items[i], i);
            }
            indexes.Add(item, items.Count);
        }
        items.Add(item);
    }
}
