namespace Crdt.Tiles.PmTiles;

/// <summary>The directories of a pack that were used last, within a budget of entries.</summary>
internal sealed class DirectoryCache
{
    private readonly Lock gate = new();
    private readonly Dictionary<long, LinkedListNode<(long Offset, PmTilesEntry[] Entries)>> held = [];
    private readonly LinkedList<(long Offset, PmTilesEntry[] Entries)> byUse = new();
    private int entries;

    public PmTilesEntry[]? Find(long offset)
    {
        lock (gate)
        {
            if (!held.TryGetValue(offset, out LinkedListNode<(long Offset, PmTilesEntry[] Entries)>? node)) return null;
            byUse.Remove(node);
            byUse.AddLast(node);
            return node.Value.Entries;
        }
    }

    public void Add(long offset, PmTilesEntry[] directory)
    {
        lock (gate)
        {
            if (held.ContainsKey(offset)) return;
            held.Add(offset, byUse.AddLast((offset, directory)));
            entries += directory.Length;
            while (entries > TileLimits.CachedEntriesMax && byUse.First is { } oldest && oldest.Value.Offset != offset)
            {
                byUse.RemoveFirst();
                held.Remove(oldest.Value.Offset);
                entries -= oldest.Value.Entries.Length;
            }
        }
    }
}
