namespace Crdt;

/// <summary>Who wrote a sibling and when, as a chunk of a snapshot tells it: once for all siblings of a mutation.</summary>
/// <param name="Rank">The author's place in the manifest's heads.</param>
/// <param name="Sequence">The mutation.</param>
/// <param name="Timestamp">Its time, or that of the sibling that it stands for.</param>
/// <param name="Role">The author's role then.</param>
internal readonly record struct SnapshotOrigin(int Rank, long Sequence, HybridTimestamp Timestamp, ReplicaRole Role)
    : IComparable<SnapshotOrigin>
{
    public int CompareTo(SnapshotOrigin other)
    {
        int order = Rank.CompareTo(other.Rank);
        if (order == 0) order = Sequence.CompareTo(other.Sequence);
        if (order == 0) order = Timestamp.CompareTo(other.Timestamp);
        return order != 0 ? order : Role.CompareTo(other.Role);
    }
}
