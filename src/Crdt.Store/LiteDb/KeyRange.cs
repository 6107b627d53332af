namespace Crdt.Store.LiteDb;

/// <summary>A stretch of an index, both ends inclusive.</summary>
internal readonly record struct KeyRange(byte[] Low, byte[] High)
{
    /// <summary>All keys.</summary>
    public static readonly KeyRange All = new([IndexKey.Unknown], [IndexKey.Above]);

    /// <summary>Every key that begins so.</summary>
    public static KeyRange StartingWith(params byte[] prefix) => new(prefix, [.. prefix, IndexKey.Above, IndexKey.Above]);

    /// <summary>The stretches of one list that lie in the other, too; both in order, and without overlaps.</summary>
    public static List<KeyRange> Intersect(List<KeyRange> left, List<KeyRange> right)
    {
        var both = new List<KeyRange>();
        int l = 0, r = 0;
        while (l < left.Count && r < right.Count)
        {
            byte[] low = Max(left[l].Low, right[r].Low), high = Min(left[l].High, right[r].High);
            if (Compare(low, high) <= 0) both.Add(new KeyRange(low, high));
            if (Compare(left[l].High, right[r].High) < 0) l++;
            else r++;
        }
        return both;
    }

    /// <summary>The same stretches in order, those that overlap as one.</summary>
    public static List<KeyRange> Normalize(List<KeyRange> ranges)
    {
        ranges.Sort(static (a, b) => Compare(a.Low, b.Low));
        var merged = new List<KeyRange>(ranges.Count);
        foreach (KeyRange range in ranges)
        {
            if (merged.Count > 0 && Compare(range.Low, merged[^1].High) <= 0)
                merged[^1] = new KeyRange(merged[^1].Low, Max(merged[^1].High, range.High));
            else merged.Add(range);
        }
        return merged;
    }

    private static int Compare(byte[] left, byte[] right) => left.AsSpan().SequenceCompareTo(right);

    private static byte[] Max(byte[] left, byte[] right) => Compare(left, right) < 0 ? right : left;

    private static byte[] Min(byte[] left, byte[] right) => Compare(left, right) < 0 ? left : right;
}
