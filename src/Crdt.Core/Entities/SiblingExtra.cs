namespace Crdt;

/// <summary>What few siblings have. Immutable.</summary>
/// <param name="Claim">An inherited claim of first-write-wins; <c>default</c> when the sibling's own time is its claim.</param>
/// <param name="CounterStart">The sequence at which a counter's running total began; 0 elsewhere.</param>
/// <param name="Replaced">What it is remembered to have replaced: of each author the last, standing for all before it
/// at this register; by replica id. Told by creates and deletes of root siblings, and by writes to fields whose policy
/// asks for it; else empty.</param>
internal sealed record SiblingExtra(HybridTimestamp Claim, long CounterStart, LocalDot[] Replaced)
{
    /// <summary>What servers said of it; <see langword="null"/> where nobody said anything.</summary>
    public SiblingMarks? Marks { get; init; }

    /// <summary>Whose place it takes, when a refused change had taken that one away; <c>default</c> elsewhere.</summary>
    public LocalDot StandsFor { get; init; }

    public static SiblingExtra OfCounter(long start) => new(default, start, []);
}
