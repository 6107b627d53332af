namespace Crdt.Testing.Simulation;

/// <summary>A value that was once written, and who replaced it: what a replica of any vector has to hold follows from
/// that alone.</summary>
internal sealed class SiblingRecord(
    FieldPath path, int author, long sequence, HybridTimestamp timestamp, HybridTimestamp claim, ReplicaRole role, Value value)
{
    private (int Author, long Sequence)[] replacers = [];

    public FieldPath Path { get; } = path;

    public int Author { get; } = author;

    public long Sequence { get; } = sequence;

    public HybridTimestamp Timestamp { get; } = timestamp;

    public HybridTimestamp Claim { get; } = claim;

    public ReplicaRole Role { get; } = role;

    public Value Value { get; } = value;

    public bool IsReplaced => replacers.Length > 0;

    public void AddReplacer(int by, long at) => replacers = [.. replacers, (by, at)];

    /// <summary>Whether somebody who has applied that much of each author holds it.</summary>
    public bool IsHeldAt(ReadOnlySpan<long> vector)
    {
        if (vector[Author] < Sequence) return false;
        foreach ((int by, long at) in replacers)
        {
            if (vector[by] >= at) return false;
        }
        return true;
    }

    /// <summary>Whether nobody holds it any more who has applied at least that much.</summary>
    public bool IsGoneSince(ReadOnlySpan<long> vector)
    {
        foreach ((int by, long at) in replacers)
        {
            if (by < vector.Length && vector[by] >= at) return true;
        }
        return false;
    }
}
