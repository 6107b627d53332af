namespace Crdt;

/// <summary>An array that is used again and again: of chunks of a snapshot each would need a large one of its own.</summary>
internal sealed class Scratch<T>
{
    private T[] items = [];

    /// <summary>So many items, all default.</summary>
    public Span<T> Take(int count)
    {
        if (items.Length < count) items = new T[Math.Max(count, 2 * items.Length)];
        Span<T> taken = items.AsSpan(0, count);
        taken.Clear();
        return taken;
    }
}
