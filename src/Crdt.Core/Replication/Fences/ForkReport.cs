namespace Crdt;

/// <summary>What speaks for two logs of one author: their last heads, and the last that they have in common. Passed on
/// through the mesh, so that a server-role replica hears of it that never meets both.</summary>
/// <param name="Common">The last common head; sequence 0 when there is none.</param>
/// <param name="One">A head of one log, behind it.</param>
/// <param name="Other">A head of the other, behind it.</param>
internal sealed record ForkReport(ChainHead Common, ChainHead One, ChainHead Other)
{
    public ReplicaId Author => Common.Author;

    /// <summary>Whether the two heads contradict each other by themselves.</summary>
    public bool IsPlain => One.Sequence == Other.Sequence && !One.Hash.Span.SequenceEqual(Other.Hash.Span);

    /// <summary>The same report for whoever noticed it from the other side.</summary>
    public static ForkReport Of(ChainHead common, ChainHead left, ChainHead right)
    {
        int order = left.Sequence.CompareTo(right.Sequence);
        if (order == 0) order = left.Hash.Span.SequenceCompareTo(right.Hash.Span);
        return order <= 0 ? new ForkReport(common, left, right) : new ForkReport(common, right, left);
    }
}
