namespace Crdt;

/// <summary>The digests of all entities at one moment, to be summed over ranges of keys without looking at any
/// state.</summary>
/// <remarks>Takes about 150 bytes for each entity, and exists only while a divergence is being looked for.</remarks>
internal sealed class DigestIndex
{
    private readonly Entry[] entries;
    private readonly UInt128[] sums;

    public DigestIndex(IEnumerable<(EntityKey Key, UInt128 Digest)> digests)
    {
        entries = [.. digests.Select(d => new Entry(KeyRange.HashOf(d.Key), d.Key, d.Digest))];
        Array.Sort(entries, static (a, b) =>
        {
            int order = a.Hash.CompareTo(b.Hash);
            return order != 0 ? order : a.Key.CompareTo(b.Key);
        });
        sums = new UInt128[entries.Length + 1];
        for (int i = 0; i < entries.Length; i++) sums[i + 1] = sums[i] + entries[i].Digest;
    }

    private readonly record struct Entry(ulong Hash, EntityKey Key, UInt128 Digest);

    /// <summary>How many entities are in a range, and the sum of their digests: O(log n).</summary>
    public RangeSum Sum(KeyRange range)
    {
        (int start, int end) = Find(range);
        return new RangeSum(sums[end] - sums[start], end - start);
    }

    /// <summary>What is told about a range: the sums of its parts, or the entities themselves.</summary>
    public RangeSummary Summarize(KeyRange range, bool isByEntity)
    {
        if (!isByEntity)
        {
            RangeSum[] parts = [.. Enumerable.Range(0, KeyRange.FanOut).Select(i => Sum(range.Part(i)))];
            return new RangeSummary(range, parts, null);
        }
        (int start, int end) = Find(range);
        end = Math.Min(end, start + RangeSummary.EntitiesMax);
        return new RangeSummary(range, null, [.. entries[start..end].Select(e => new EntityDigest(e.Key, e.Digest))]);
    }

    private (int Start, int End) Find(KeyRange range) =>
        (LowerBound(range.Prefix), range.Last == ulong.MaxValue ? entries.Length : LowerBound(range.Last + 1));

    private int LowerBound(ulong hash)
    {
        int low = 0, high = entries.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (entries[middle].Hash < hash) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
