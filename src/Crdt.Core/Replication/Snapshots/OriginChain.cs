namespace Crdt;

/// <summary>Which origin a sibling has, told by the ones before it in the chunk: mostly the same, or the next of a row of
/// mutations that were written one after the other.</summary>
internal struct OriginChain
{
    public const int Next = 0, Same = 1, Other = 2;

    private int previous, last;

    /// <summary>Before the first sibling.</summary>
    public OriginChain() => (previous, last) = (-1, -1);

    /// <summary>How an origin is told here.</summary>
    public readonly int KindOf(int origin) => origin == previous ? Same : origin == last + 1 ? Next : Other;

    /// <summary>The origin that is told so; <see cref="Other"/> stands beside.</summary>
    public readonly int Resolve(int kind) => kind == Same ? previous : last + 1;

    /// <summary>Goes on to the next sibling.</summary>
    public void Follow(int origin)
    {
        // Two in a row begin a row; one that lies elsewhere, as of a field that was changed since, does not end it.
        if (origin == last + 1 || origin == previous + 1) last = origin;
        previous = origin;
    }
}
