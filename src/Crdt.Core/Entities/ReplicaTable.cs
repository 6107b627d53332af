using System.Collections.Concurrent;

namespace Crdt;

/// <summary>The replicas that one replica has heard of, by a small index. Grows only; read by anybody, extended by
/// the replica's single writer.</summary>
internal sealed class ReplicaTable
{
    private readonly ConcurrentDictionary<ReplicaId, int> indexes = new();
    private ReplicaId[] ids = new ReplicaId[8];
    private volatile int count;

    public int Count => count;

    public ReplicaId this[int index] => Volatile.Read(ref ids)[index];

    public bool TryGetIndex(ReplicaId id, out int index) => indexes.TryGetValue(id, out index);

    public int GetOrAdd(ReplicaId id)
    {
        if (indexes.TryGetValue(id, out int index)) return index;
        if (count == LocalDot.AuthorsMax)
            throw new InvalidOperationException($"A space has at most {LocalDot.AuthorsMax} replicas.");
        if (count == ids.Length)
        {
            ReplicaId[] larger = new ReplicaId[count * 2];
            ids.CopyTo(larger, 0);
            Volatile.Write(ref ids, larger);
        }
        ids[count] = id;
        indexes[id] = count;
        return count++;
    }

    public Dot Resolve(LocalDot dot) => new(this[dot.Author], dot.Sequence);

    /// <summary>Siblings as people see them, the latest first.</summary>
    public Sibling[] Describe(ReadOnlySpan<SiblingSlot> siblings)
    {
        SiblingSlot[] latestFirst = siblings.ToArray();
        Array.Sort(latestFirst, (a, b) => Compare(b, a));
        return Array.ConvertAll(latestFirst, s => new Sibling(Resolve(s.Dot), s.Timestamp, s.Claim, s.Dot.Role, s.Value)
        {
            IsLost = s.IsLost,
            Refused = s.IsRefused ? s.Extra!.Marks!.Codes[0] : null,
        });
    }

    /// <summary>The order of siblings, in one place: timestamp, then replica, then sequence (semantics 4).</summary>
    public int Compare(in SiblingSlot a, in SiblingSlot b)
    {
        int order = a.Timestamp.CompareTo(b.Timestamp);
        return order != 0 ? order : CompareDots(a.Dot, b.Dot);
    }

    /// <summary>The order of first-write-wins: claim, then replica, then sequence (semantics 6).</summary>
    public int CompareClaims(in SiblingSlot a, in SiblingSlot b)
    {
        int order = a.Claim.CompareTo(b.Claim);
        return order != 0 ? order : CompareDots(a.Dot, b.Dot);
    }

    /// <summary>The order of dots on the wire: by replica, then by sequence.</summary>
    public int CompareDots(LocalDot a, LocalDot b)
    {
        if (a.Author == b.Author) return a.Sequence.CompareTo(b.Sequence);
        return this[a.Author].CompareTo(this[b.Author]);
    }
}
