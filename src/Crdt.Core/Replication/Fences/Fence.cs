namespace Crdt;

/// <summary>Where the log of a replica ends for good: what it wrote later counts as covered, and means nothing
/// (semantics 9).</summary>
/// <param name="Head">Whose log, the last sequence that counts, and the chain's hash there; sequence 0 when nothing counts.</param>
/// <param name="Reason">Why.</param>
/// <param name="By">The mutation that says so.</param>
/// <remarks>Final. Of several fences of one replica the one with the smallest sequence and hash stands. Law: 13.</remarks>
public sealed record Fence(ChainHead Head, FenceReason Reason, Dot By)
{
    /// <summary>Whose log.</summary>
    public ReplicaId Replica => Head.Author;

    /// <summary>The last sequence that counts.</summary>
    public long Sequence => Head.Sequence;

    /// <summary>In a keyed space, the signature of whoever says so: then it is believed on its own, also where the mutation
    /// has not arrived.</summary>
    internal ReadOnlyMemory<byte> Signature { get; init; }

    internal bool IsSameAs(Fence other) => By == other.By && Replica == other.Replica && HasPlaceOf(other);

    internal bool HasPlaceOf(Fence other) => Sequence == other.Sequence && Head.Hash.Span.SequenceEqual(other.Head.Hash.Span);

    /// <summary>The order in which they are told: by the mutation that says so, then by what it says.</summary>
    internal static int Compare(Fence a, Fence b)
    {
        int order = a.By.Replica.CompareTo(b.By.Replica);
        if (order == 0) order = a.By.Sequence.CompareTo(b.By.Sequence);
        if (order == 0) order = a.Replica.CompareTo(b.Replica);
        return order != 0 ? order : ComparePlaces(a, b);
    }

    internal static int ComparePlaces(Fence a, Fence b)
    {
        int order = a.Sequence.CompareTo(b.Sequence);
        return order != 0 ? order : a.Head.Hash.Span.SequenceCompareTo(b.Head.Hash.Span);
    }
}
