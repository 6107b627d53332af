namespace Crdt;

/// <summary>What servers said of one sibling. Immutable; joined by union, so the order of marks has no influence.</summary>
/// <param name="IsLost">Whether one passed it over.</param>
/// <param name="Codes">Why it was refused, ascending, each once; empty when it was not.</param>
/// <param name="Restored">What it had replaced and what reads take in its place, by replica id and sequence; each once.</param>
internal sealed record SiblingMarks(bool IsLost, RefusalCode[] Codes, RestoredSibling[] Restored)
{
    public static readonly SiblingMarks Lost = new(true, [], []);

    public bool IsRefused => Codes.Length > 0;

    /// <summary>Whether everything that <paramref name="b"/> says is said by <paramref name="a"/>.</summary>
    public static bool Includes(SiblingMarks? a, SiblingMarks b) => a is not null && (a.IsLost || !b.IsLost)
        && b.Codes.All(a.Codes.Contains)
        && b.Restored.All(r => a.Restored.Any(o => o.Dot.Identity == r.Dot.Identity && (o.IsLost || !r.IsLost)));

    public static SiblingMarks Union(SiblingMarks? a, SiblingMarks b, ReplicaTable replicas)
    {
        if (a is null) return b;
        var restored = new Dictionary<ulong, RestoredSibling>();
        foreach (RestoredSibling sibling in a.Restored.Concat(b.Restored))
        {
            // One server may have known of a mark that the other had not heard of.
            bool wasLost = restored.TryGetValue(sibling.Dot.Identity, out RestoredSibling? known) && known.IsLost;
            restored[sibling.Dot.Identity] = sibling with { IsLost = sibling.IsLost || wasLost };
        }
        RestoredSibling[] sorted = [.. restored.Values];
        Array.Sort(sorted, (x, y) => replicas.CompareDots(x.Dot, y.Dot));
        return new SiblingMarks(
            a.IsLost || b.IsLost, [.. a.Codes.Union(b.Codes).Order()], sorted);
    }
}
