namespace Crdt.Store;

/// <summary>The environment's failure of a store: its kind, what was affected and where, and the cause.</summary>
/// <remarks>A caller's own mistakes are <see cref="ArgumentException"/> and <see
/// cref="InvalidOperationException"/>.</remarks>
public sealed class StoreException : Exception
{
    // Raw codes of a full disk or quota: errno 28 and 122 (Linux), 69 (macOS), and two Win32 codes as HRESULT.
    private static readonly int[] DiskFullCodes = [28, 122, 69, unchecked((int)0x80070070), unchecked((int)0x80070027)];

    /// <summary>Creates the exception.</summary>
    /// <param name="error">The kind of failure.</param>
    /// <param name="message">What was affected, where, and how.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public StoreException(StoreError error, string message, Exception? innerException = null)
        : base(message, innerException) => Error = error;

    /// <summary>The kind of failure.</summary>
    public StoreError Error { get; }

    internal static bool IsEnvironmental(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or ObjectDisposedException;

    internal static StoreException Unsupported(string what, int version, int known) => new(
        StoreError.UnsupportedFormat,
        $"{what} has format version {version}; this version of the library reads up to {known}. Nothing was changed.");

    internal static StoreException FromWrite(string action, Exception cause) => cause as StoreException
        ?? new StoreException(
            Array.IndexOf(DiskFullCodes, cause.HResult) >= 0 ? StoreError.DiskFull : StoreError.WriteFailed,
            $"{action} failed: {cause.Message}",
            cause);
}
