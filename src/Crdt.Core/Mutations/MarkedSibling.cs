namespace Crdt;

/// <summary>A sibling that was replaced, kept within a mark: everything it was.</summary>
/// <param name="Dot">Its own dot.</param>
/// <param name="Role">The role in which it was written.</param>
/// <param name="Timestamp">Its time.</param>
/// <param name="Claim">Its claim; <c>default</c> when its own time is one.</param>
/// <param name="IsLost">Whether it was marked as lost.</param>
/// <param name="Value">Its value; of a root sibling whether it says alive.</param>
/// <param name="Replaced">What it remembers to have replaced, in order; at most <see cref="FormatLimits.RememberedDotsMax"/>.</param>
internal sealed record MarkedSibling(
    Dot Dot, ReplicaRole Role, HybridTimestamp Timestamp, HybridTimestamp Claim, bool IsLost, Value Value,
    IReadOnlyList<Dot> Replaced);
