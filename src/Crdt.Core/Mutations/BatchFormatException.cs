namespace Crdt;

/// <summary>The one error that reading a batch raises: the bytes are not a batch.</summary>
public sealed class BatchFormatException : FormatException
{
    /// <summary>Reports what was wrong.</summary>
    /// <param name="error">What kind of wrong.</param>
    /// <param name="message">What was wrong, and where.</param>
    /// <param name="inner">What the MessagePack reader said, if it was first to notice.</param>
    public BatchFormatException(BatchError error, string message, Exception? inner = null)
        : base(message, inner) => Error = error;

    /// <summary>What kind of wrong.</summary>
    public BatchError Error { get; }
}
