namespace Crdt;

/// <summary>Something about a blob could not be done; nothing of it was.</summary>
public sealed class BlobException : Exception
{
    /// <summary>Creates it.</summary>
    public BlobException(BlobError error, string message, Exception? inner = null)
        : base(message, inner) => Error = error;

    /// <summary>What went wrong.</summary>
    public BlobError Error { get; }

    /// <summary>That content does not fit a store's quota.</summary>
    /// <param name="quotaBytes">The quota.</param>
    /// <param name="takenBytes">What is taken of it.</param>
    /// <param name="lengthBytes">What was to be added.</param>
    public static BlobException OverQuota(long quotaBytes, long takenBytes, long lengthBytes) => new(BlobError.QuotaExceeded,
        $"{lengthBytes} bytes more do not fit the quota of attachments: {takenBytes} of {quotaBytes} bytes are taken.");

    /// <summary>That content is larger than a blob may be.</summary>
    public static BlobException OverSize() => new(BlobError.TooLarge, $"A blob has up to {Blob.SizeMax} bytes.");
}
