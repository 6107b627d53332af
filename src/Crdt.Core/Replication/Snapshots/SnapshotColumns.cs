using System.Buffers;

namespace Crdt;

/// <summary>What writer and reader of a chunk agree on: its layout is docs/wire-format.md, section WF-8.2.</summary>
internal static class SnapshotColumns
{
    /// <summary>Bit of the mask of a root sibling that is of the same mutation as the latest of the entity's others.</summary>
    public const int IsLatest = 128;

    /// <summary>What a sibling counts beside its own bytes, for where a chunk ends.</summary>
    public const int SiblingWeight = 12;

    /// <summary>The counter to be expected of an origin: mutations of one millisecond count up.</summary>
    public static int ExpectedCounter(in SnapshotOrigin origin, in SnapshotOrigin before) =>
        before.Sequence > 0 && before.Rank == origin.Rank && before.Timestamp.UnixMs == origin.Timestamp.UnixMs
            ? (int)Math.Min(before.Timestamp.Counter + (origin.Sequence - before.Sequence), ushort.MaxValue)
            : 0;

    /// <summary>Of an entity's siblings but those of the root the one that was written last; -1 where there are none.</summary>
    /// <param name="paths">Of each sibling the index of its path; 0 is the root, whose come first.</param>
    /// <param name="origins">Of each the index of its origin.</param>
    /// <param name="table">The origins.</param>
    public static int LatestOf(ReadOnlySpan<int> paths, ReadOnlySpan<int> origins, ReadOnlySpan<SnapshotOrigin> table)
    {
        int latest = -1;
        for (int i = 0; i < paths.Length; i++)
        {
            if (paths[i] == 0) continue;
            if (latest < 0) latest = origins[i];
            int order = table[origins[i]].Timestamp.CompareTo(table[latest].Timestamp);
            if (order > 0 || (order == 0 && origins[i] > latest)) latest = origins[i];
        }
        return latest;
    }

    /// <summary>How much of an id stands at the beginning of the one before it, in bytes, to the end of a letter.</summary>
    public static int SharedLength(ReadOnlySpan<byte> before, ReadOnlySpan<byte> id)
    {
        int shared = before.CommonPrefixLength(id);
        while (shared > 0 && shared < id.Length && (id[shared] & 0xC0) == 0x80) shared--;
        return shared;
    }

    /// <summary>Siblings by path, in order within each: so that like stands beside like.</summary>
    /// <param name="paths">Of each sibling the index of its path.</param>
    /// <param name="pathCount">How many paths there are.</param>
    /// <param name="order">Takes the siblings.</param>
    public static void OrderByPath(ReadOnlySpan<int> paths, int pathCount, Span<int> order)
    {
        int[] rented = ArrayPool<int>.Shared.Rent(pathCount + 1);
        Span<int> next = rented.AsSpan(0, pathCount + 1);
        next.Clear();
        foreach (int path in paths) next[path + 1]++;
        for (int i = 1; i < next.Length; i++) next[i] += next[i - 1];
        for (int i = 0; i < paths.Length; i++) order[next[paths[i]]++] = i;
        ArrayPool<int>.Shared.Return(rented);
    }
}
