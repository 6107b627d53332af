namespace Crdt;

/// <summary>What a sibling remembers to have been replaced: of each author the last dot, standing for those before it.</summary>
internal sealed class LastDots
{
    private readonly Dictionary<int, LocalDot> last = [];

    public void Add(LocalDot dot)
    {
        if (!last.TryGetValue(dot.Author, out LocalDot known) || known.Sequence < dot.Sequence) last[dot.Author] = dot;
    }

    public void Add(ReadOnlySpan<LocalDot> dots)
    {
        foreach (LocalDot dot in dots) Add(dot);
    }

    /// <summary>Leaves out what <paramref name="dot"/> itself tells.</summary>
    public void Remove(LocalDot dot)
    {
        if (last.TryGetValue(dot.Author, out LocalDot known) && known.Sequence <= dot.Sequence) last.Remove(dot.Author);
    }

    /// <summary>By replica id.</summary>
    public LocalDot[] ToSorted(ReplicaTable replicas)
    {
        LocalDot[] sorted = [.. last.Values];
        Array.Sort(sorted, replicas.CompareDots);
        return sorted;
    }

    /// <summary>As they stand in a batch: in order, and no more than it takes.</summary>
    public static Dot[] ToBatch(LocalDot[] sorted, ReplicaTable replicas) =>
        Array.ConvertAll(sorted.Length <= FormatLimits.RememberedDotsMax ? sorted : sorted[..FormatLimits.RememberedDotsMax],
            replicas.Resolve);
}
