namespace Crdt.Fuzz;

/// <summary>Something that reads foreign bytes.</summary>
public abstract class FuzzTarget
{
    /// <summary>What it is called.</summary>
    public abstract string Name { get; }

    /// <summary>What inputs are made of: bytes that are right, or nearly.</summary>
    public abstract IReadOnlyList<byte[]> Seeds { get; }

    /// <summary>How many bytes it may take of the heap for an input.</summary>
    /// <param name="lengthBytes">The input's length.</param>
    public virtual long AllocatedBytesMax(int lengthBytes) => (256 << 10) + (64L * lengthBytes);

    /// <summary>Reads an input. Returns whether it was taken; the one documented error is no exception here.</summary>
    /// <param name="input">The bytes; a copy of its own.</param>
    /// <exception cref="FuzzException">It was taken for something else than it is, or changed something.</exception>
    public abstract bool Run(byte[] input);

    /// <summary>Demands that two are the same bytes.</summary>
    protected static void Same(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, string what)
    {
        if (!expected.SequenceEqual(actual)) throw new FuzzException(what);
    }
}

/// <summary>What should never happen did.</summary>
public sealed class FuzzException(string message) : Exception(message);
