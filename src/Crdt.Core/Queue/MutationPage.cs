namespace Crdt;

/// <summary>Some of the mutations that fulfil a filter.</summary>
/// <param name="Items">In the filter's order.</param>
/// <param name="Next">Where the next page begins; <see langword="null"/> when there was nothing more.</param>
public sealed record MutationPage(IReadOnlyList<QueuedMutation> Items, MutationCursor? Next)
{
    /// <summary>The place of each item: a page may also begin behind any of them.</summary>
    public IReadOnlyList<MutationCursor> Places { get; init; } = [];
}
