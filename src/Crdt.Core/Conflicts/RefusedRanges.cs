using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>Which mutations of one author were refused, as ranges of its sequences that do not overlap: found by halving.
/// Written by the replica's single writer, read by anybody.</summary>
internal sealed class RefusedRanges
{
    private readonly Lock gate = new();
    private readonly List<Range> ranges = [];

    /// <param name="First">Its first sequence.</param>
    /// <param name="Last">Its last sequence, inclusive.</param>
    /// <param name="Epoch">The commit that made it known.</param>
    private readonly record struct Range(long First, long Last, long Epoch);

    /// <summary>Adds what of a range is not known yet.</summary>
    /// <param name="first">Its first sequence.</param>
    /// <param name="last">Its last sequence, inclusive.</param>
    /// <param name="epoch">The commit that makes it known.</param>
    /// <returns>How many sequences were added.</returns>
    public long Add(long first, long last, long epoch)
    {
        lock (gate)
        {
            long added = 0;
            int at = IndexBehind(first);
            if (at > 0) first = Math.Max(first, ranges[at - 1].Last + 1);
            while (first <= last)
            {
                // Up to where the next known range begins, and on behind it.
                bool isCut = at < ranges.Count && ranges[at].First <= last;
                long end = isCut ? ranges[at].First - 1 : last;
                if (end >= first)
                {
                    ranges.Insert(at++, new Range(first, end, epoch));
                    added += end - first + 1;
                }
                if (!isCut) break;
                first = ranges[at++].Last + 1;
            }
            return added;
        }
    }

    /// <summary>Whether a sequence was refused, as known after a commit.</summary>
    public bool Contains(long sequence, long epoch)
    {
        lock (gate)
        {
            int at = IndexBehind(sequence) - 1;
            return at >= 0 && sequence <= ranges[at].Last && ranges[at].Epoch <= epoch;
        }
    }

    /// <summary>All ranges, in order, both ends inclusive.</summary>
    public (long First, long Last)[] ToArray()
    {
        lock (gate) return [.. ranges.Select(static r => (r.First, r.Last))];
    }

    /// <summary>Index of the first range that begins behind a sequence.</summary>
    private int IndexBehind(long sequence)
    {
        ReadOnlySpan<Range> all = CollectionsMarshal.AsSpan(ranges);
        int low = 0, high = all.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (all[middle].First <= sequence) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
