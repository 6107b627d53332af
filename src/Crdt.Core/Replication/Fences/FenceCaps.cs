namespace Crdt;

/// <summary>Up to where each fenced author counts: beyond that two vectors that differ say the same.</summary>
/// <remarks>Whoever has met a fence holds less of its author than before, so what it says later does not cover what it said
/// before unless both are looked at like this. What was signed stays as it was signed.</remarks>
internal sealed class FenceCaps
{
    public static readonly FenceCaps None = new([]);

    private readonly Dictionary<ReplicaId, long> ends;

    private FenceCaps(Dictionary<ReplicaId, long> ends) => this.ends = ends;

    public static FenceCaps Of(IEnumerable<Fence> standing)
    {
        Dictionary<ReplicaId, long> ends = standing.ToDictionary(f => f.Replica, f => f.Sequence);
        return ends.Count == 0 ? None : new FenceCaps(ends);
    }

    public IEnumerable<KeyValuePair<ReplicaId, long>> Ends => ends;

    /// <summary>What of a vector counts.</summary>
    public VersionVector Cap(VersionVector held)
    {
        if (!held.Any(d => ends.TryGetValue(d.Replica, out long end) && d.Sequence > end)) return held;
        return VersionVector.From(held.Select(d => d with { Sequence = Math.Min(d.Sequence, EndOf(d.Replica)) }));
    }

    public long EndOf(ReplicaId author) => ends.GetValueOrDefault(author, long.MaxValue);

    /// <summary>Whether a statement says more than the one that is known of its maker. Of two that say the same the one with
    /// less beyond fences is kept by everybody, so that they agree on one.</summary>
    public bool IsNews(VersionVector held, VersionVector known)
    {
        (VersionVector counts, VersionVector before) = (Cap(held), Cap(known));
        if (!counts.Covers(before)) return false;
        return !before.Covers(counts) || (!held.Equals(known) && known.Covers(held));
    }
}
