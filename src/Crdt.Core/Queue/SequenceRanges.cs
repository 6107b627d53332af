namespace Crdt;

/// <summary>Some mutations of some authors, to be asked whether any lies in a stretch.</summary>
internal sealed class SequenceRanges(Dictionary<ReplicaId, (long First, long Last)[]> ranges)
{
    public static SequenceRanges Of(IEnumerable<Dot> dots) => new(dots.GroupBy(d => d.Replica)
        .ToDictionary(g => g.Key, g => g.Select(d => (d.Sequence, d.Sequence)).Order().ToArray()));

    /// <summary>Whether one of them lies in the stretch.</summary>
    public bool Meet(ZoneSummary.AuthorRange stretch)
    {
        if (!ranges.TryGetValue(stretch.Author, out (long First, long Last)[]? of)) return false;
        // They do not overlap: the first that does not end before the stretch is the one to look at.
        int low = 0, high = of.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (of[middle].Last < stretch.First) low = middle + 1;
            else high = middle;
        }
        return low < of.Length && of[low].First <= stretch.Last;
    }
}
