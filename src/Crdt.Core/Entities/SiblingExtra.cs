namespace Crdt;

/// <summary>What few siblings have. Immutable; equal content is equal. Marks will stand here.</summary>
/// <param name="Claim">An inherited claim of first-write-wins; <c>default</c> when the sibling's own time is its claim.</param>
/// <param name="CounterStart">The sequence at which a counter's running total began; 0 elsewhere.</param>
/// <param name="Heads">The root siblings that a delete replaced, in order; empty elsewhere.</param>
internal sealed record SiblingExtra(HybridTimestamp Claim, long CounterStart, LocalDot[] Heads)
{
    public static SiblingExtra OfClaim(HybridTimestamp claim) => new(claim, 0, []);

    public static SiblingExtra OfCounter(long start) => new(default, start, []);

    public static SiblingExtra OfDelete(LocalDot[] heads) => new(default, 0, heads);
}
