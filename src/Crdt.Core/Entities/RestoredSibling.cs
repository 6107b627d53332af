namespace Crdt;

/// <summary>A replaced sibling within a mark: what is read again since the one that replaced it was refused.</summary>
/// <param name="Dot">Its own dot.</param>
/// <param name="Timestamp">Its time.</param>
/// <param name="Claim">Its claim; <c>default</c> when its own time is one.</param>
/// <param name="IsLost">Whether it was marked as lost.</param>
/// <param name="Value">Its value.</param>
/// <param name="Replaced">As in <see cref="SiblingExtra"/>.</param>
internal sealed record RestoredSibling(
    LocalDot Dot, HybridTimestamp Timestamp, HybridTimestamp Claim, bool IsLost, Value Value, LocalDot[] Replaced)
{
    /// <summary>An order of what two marks say of one dot, the same on every replica; 0 when they say the same.</summary>
    public int CompareContent(RestoredSibling other)
    {
        int order = Timestamp.CompareTo(other.Timestamp);
        if (order == 0) order = Claim.CompareTo(other.Claim);
        if (order == 0) order = Dot.Role.CompareTo(other.Dot.Role);
        if (order == 0) order = Replaced.Length.CompareTo(other.Replaced.Length);
        if (order != 0 || Value == other.Value) return order;
        return ValueCodec.Encode(Value).AsSpan().SequenceCompareTo(ValueCodec.Encode(other.Value));
    }

    /// <summary>As a sibling of the register that it stood in.</summary>
    public SiblingSlot ToSlot(FieldPath path) => new(path, Dot, Timestamp, Value,
        Claim == default && Replaced.Length == 0 && !IsLost ? null
            : new SiblingExtra(Claim, 0, Replaced) { Marks = IsLost ? SiblingMarks.Lost : null });
}
