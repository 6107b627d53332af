namespace Crdt;

/// <summary>There is no proof of an entity's history, or one does not hold.</summary>
public sealed class ProofException : InvalidOperationException
{
    /// <summary>Reports why.</summary>
    /// <param name="error">Why.</param>
    /// <param name="message">What was wrong, and where.</param>
    /// <param name="inner">The cause, if another error was.</param>
    public ProofException(ProofError error, string message, Exception? inner = null)
        : base(message, inner) => Error = error;

    /// <summary>Why.</summary>
    public ProofError Error { get; }
}
