namespace Crdt.Testing;

/// <summary>A law that does not hold: what was found, and what the law says. FsCheck shrinks the case that raised it.</summary>
public sealed class LawException : Exception
{
    /// <summary>Says which law is broken, and how.</summary>
    /// <param name="message">What was found, and what should have been.</param>
    public LawException(string message)
        : base(message)
    {
    }

    /// <summary>Says which law is broken, and what raised it.</summary>
    /// <param name="message">What was found, and what should have been.</param>
    /// <param name="cause">The error that a replica raised.</param>
    public LawException(string message, Exception cause)
        : base(message, cause)
    {
    }

    /// <summary>A law that does not hold.</summary>
    public LawException()
        : this("A law does not hold.")
    {
    }
}
