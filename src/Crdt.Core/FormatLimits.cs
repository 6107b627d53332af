namespace Crdt;

/// <summary>Limits of the format: constants, the same for everybody, for ever (semantics 14). What one replica
/// accepts every replica accepts.</summary>
public static class FormatLimits
{
    /// <summary>Latest batch format that this build reads and writes.</summary>
    public const int BatchFormatMax = 1;

    /// <summary>A batch, and so a transaction, before compression: 1 MiB.</summary>
    public const int BatchLengthBytesMax = 1 << 20;

    /// <summary>One value, encoded: 256 KiB.</summary>
    public const int ValueLengthBytesMax = 256 << 10;

    /// <summary>Segments of a path, and levels of arrays and objects in one value: 16.</summary>
    public const int DepthMax = 16;

    /// <summary>A domain, type, id, path segment or user, in bytes of UTF-8: 255.</summary>
    public const int NameLengthBytesMax = 255;

    /// <summary>Siblings that one change may replace: 65,535.</summary>
    public const int ObservedDotsMax = 65_535;

    /// <summary>The metadata of one mutation ("context"), encoded: 4 KiB, so that it stays a note beside the change
    /// and is no way around the other limits.</summary>
    public const int ContextLengthBytesMax = 4 << 10;

    /// <summary>Batches in one run: 1,000.</summary>
    public const int RunBatchesMax = 1_000;

    /// <summary>Bytes of the batches in one run before compression: 8 MiB. What a run unpacks to has to be held in
    /// memory before it can be refused.</summary>
    public const int RunPlainLengthBytesMax = 8 << 20;

    /// <summary>Bytes of the batches in one run: 1 MiB.</summary>
    public const int RunLengthBytesMax = 1 << 20;

    /// <summary>Dots that a sibling remembers to have replaced before, beside what its author observed.</summary>
    public const int RememberedDotsMax = 1_024;

    /// <summary>A chunk of a snapshot ends before the sibling that would take it beyond 256 KiB, uncompressed; a longer
    /// sibling has a chunk of its own.</summary>
    public const int SnapshotChunkLengthBytes = 256 << 10;

    /// <summary>The manifest of a snapshot: 1 MiB, so that it fits into one message. About 8,000 authors with their
    /// signatures, or 27,000 chunks.</summary>
    public const int SnapshotManifestLengthBytesMax = 1 << 20;
}
