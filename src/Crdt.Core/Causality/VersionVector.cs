using System.Collections;

namespace Crdt;

/// <summary>For every replica, the highest sequence applied. Immutable; absent replicas count as 0.</summary>
/// <remarks>Describes a state completely, because delivery has no gaps. Enumerates in the order of
/// <see cref="ReplicaId"/>. Lookup is O(log n). Source: Parker et al., "Detection of Mutual Inconsistency in
/// Distributed Systems", 1983. Laws: 1, 2.</remarks>
public sealed class VersionVector : IReadOnlyCollection<Dot>, IEquatable<VersionVector>
{
    /// <summary>The vector of a replica that has applied nothing.</summary>
    public static readonly VersionVector Empty = new([]);

    private readonly Dot[] entries;

    private VersionVector(Dot[] sorted) => entries = sorted;

    /// <summary>Number of replicas with a sequence above 0.</summary>
    public int Count => entries.Length;

    /// <summary>The highest sequence of <paramref name="replica"/> that is covered; 0 when none is.</summary>
    public long this[ReplicaId replica]
    {
        get
        {
            int at = IndexOf(replica);
            return at < 0 ? 0 : entries[at].Sequence;
        }
    }

    /// <summary>Makes a vector from the highest dot of each replica; of several of one replica the highest counts,
    /// sequence 0 is left out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A sequence is negative.</exception>
    public static VersionVector From(IEnumerable<Dot> dots)
    {
        ArgumentNullException.ThrowIfNull(dots);
        Dot[] sorted = [.. dots];
        // Most come from what is in order.
        if (!IsInOrder(sorted)) Array.Sort(sorted, Compare);
        int count = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(sorted[i].Sequence, nameof(dots));
            bool isHighest = i + 1 == sorted.Length || sorted[i + 1].Replica != sorted[i].Replica;
            if (isHighest && sorted[i].Sequence > 0) sorted[count++] = sorted[i];
        }
        return count == 0 ? Empty : new VersionVector(sorted[..count]);
    }

    private static int Compare(Dot a, Dot b)
    {
        int order = a.Replica.CompareTo(b.Replica);
        return order != 0 ? order : a.Sequence.CompareTo(b.Sequence);
    }

    private static bool IsInOrder(ReadOnlySpan<Dot> dots)
    {
        for (int i = 1; i < dots.Length; i++)
        {
            if (Compare(dots[i - 1], dots[i]) > 0) return false;
        }
        return true;
    }

    /// <summary>Whether the mutation of <paramref name="dot"/> is included.</summary>
    public bool Covers(Dot dot) => dot.Sequence <= this[dot.Replica];

    /// <summary>Whether everything that <paramref name="other"/> includes is included here.</summary>
    public bool Covers(VersionVector other)
    {
        ArgumentNullException.ThrowIfNull(other);
        foreach (Dot dot in other.entries)
        {
            if (!Covers(dot)) return false;
        }
        return true;
    }

    /// <summary>The least vector that covers both.</summary>
    public VersionVector Merge(VersionVector other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (Covers(other)) return this;
        return other.Covers(this) ? other : From(entries.Concat(other.entries));
    }

    /// <summary>What of this differs from an earlier vector; after a fence it may be less than it was.</summary>
    internal VersionVector Since(VersionVector before) => From(entries.Where(d => before[d.Replica] != d.Sequence));

    /// <summary>Whether <see cref="Since"/> tells all of the difference: a replica that is gone has no entry to tell it by.</summary>
    internal bool CanFollow(VersionVector before) => before.entries.All(d => this[d.Replica] > 0);

    /// <summary>This with what <see cref="Since"/> told.</summary>
    internal VersionVector With(VersionVector since) => From(entries.Where(d => since[d.Replica] == 0).Concat(since.entries));

    /// <inheritdoc/>
    public IEnumerator<Dot> GetEnumerator() => ((IEnumerable<Dot>)entries).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => entries.GetEnumerator();

    /// <inheritdoc/>
    public bool Equals(VersionVector? other) => other is not null && entries.AsSpan().SequenceEqual(other.entries);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as VersionVector);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (Dot dot in entries) hash.Add(dot);
        return hash.ToHashCode();
    }

    /// <summary>The dots in braces, in order.</summary>
    public override string ToString() => $"{{{string.Join(", ", entries)}}}";

    private int IndexOf(ReplicaId replica)
    {
        int low = 0, high = entries.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            int order = entries[middle].Replica.CompareTo(replica);
            if (order == 0) return middle;
            if (order < 0) low = middle + 1;
            else high = middle - 1;
        }
        return ~low;
    }
}
