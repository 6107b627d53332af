namespace Crdt;

/// <summary>A peer broke the protocol; says how.</summary>
public sealed class SyncException : InvalidOperationException
{
    /// <summary>Reports what was wrong.</summary>
    /// <param name="error">What kind of wrong.</param>
    /// <param name="message">What was wrong, and where.</param>
    /// <param name="inner">The cause, if another error was.</param>
    public SyncException(SyncError error, string message, Exception? inner = null)
        : base(message, inner) => Error = error;

    /// <summary>What kind of wrong.</summary>
    public SyncError Error { get; }
}
