namespace Crdt;

/// <summary>A run was refused; nothing of it was applied.</summary>
public sealed class ApplyException : InvalidOperationException
{
    /// <summary>Reports what was wrong.</summary>
    /// <param name="error">What kind of wrong.</param>
    /// <param name="author">Whose run.</param>
    /// <param name="sequence">At which sequence.</param>
    /// <param name="message">What was wrong.</param>
    /// <param name="inner">The cause, if another error was.</param>
    public ApplyException(ApplyError error, ReplicaId author, long sequence, string message, Exception? inner = null)
        : base($"{message} (author {author}, sequence {sequence})", inner) =>
        (Error, Author, Sequence) = (error, author, sequence);

    /// <summary>What kind of wrong.</summary>
    public ApplyError Error { get; }

    /// <summary>Whose run.</summary>
    public ReplicaId Author { get; }

    /// <summary>At which sequence.</summary>
    public long Sequence { get; }
}
