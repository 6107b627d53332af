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
        && b.Restored.All(r => a.Restored.Any(o => o.Dot == r.Dot && (o.IsLost || !r.IsLost) && o.CompareContent(r) == 0));

    public static SiblingMarks Union(SiblingMarks? a, SiblingMarks b, ReplicaTable replicas)
    {
        if (a is null) return b;
        var restored = new Dictionary<ulong, RestoredSibling>();
        foreach (RestoredSibling sibling in a.Restored.Concat(b.Restored))
        {
            if (!restored.TryGetValue(sibling.Dot.Identity, out RestoredSibling? known))
            {
                restored[sibling.Dot.Identity] = sibling;
                continue;
            }
            // A dot has one content; should marks contradict each other, all replicas take the same of them. One server
            // may have known of a mark that the other had not heard of.
            RestoredSibling smaller = known.CompareContent(sibling) <= 0 ? known : sibling;
            restored[sibling.Dot.Identity] = smaller with { IsLost = sibling.IsLost || known.IsLost };
        }
        RestoredSibling[] sorted = [.. restored.Values];
        Array.Sort(sorted, (x, y) => replicas.CompareDots(x.Dot, y.Dot));
        return new SiblingMarks(
            a.IsLost || b.IsLost, [.. a.Codes.Union(b.Codes).Order()], sorted);
    }
}
