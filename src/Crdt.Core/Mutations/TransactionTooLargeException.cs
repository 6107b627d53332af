namespace Crdt;

/// <summary>A transaction takes more than a batch may hold; nothing of it was written.</summary>
public sealed class TransactionTooLargeException : InvalidOperationException
{
    /// <summary>Reports the length.</summary>
    /// <param name="lengthBytes">What the transaction takes, encoded.</param>
    public TransactionTooLargeException(int lengthBytes)
        : base($"The transaction takes {lengthBytes} bytes; {FormatLimits.BatchLengthBytesMax} are allowed. "
            + "Split it into several.") => LengthBytes = lengthBytes;

    /// <summary>What the transaction takes, encoded, in bytes.</summary>
    public int LengthBytes { get; }
}
