namespace Crdt.Store;

/// <summary>What a backup holds.</summary>
/// <param name="Directory">Where it is.</param>
/// <param name="Segments">Segments of the log.</param>
/// <param name="LogLengthBytes">Their bytes.</param>
public sealed record StoreBackupReport(string Directory, int Segments, long LogLengthBytes)
{
    /// <summary>Attachments, whole or as much of them as was there.</summary>
    public int Blobs { get; init; }

    /// <summary>The bytes of their files.</summary>
    public long BlobLengthBytes { get; init; }
}
