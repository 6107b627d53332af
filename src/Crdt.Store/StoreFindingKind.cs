namespace Crdt.Store;

/// <summary>What a check of a replica's files came upon.</summary>
public enum StoreFindingKind
{
    /// <summary>No finding; never reported.</summary>
    None = 0,

    /// <summary>Another process has the replica open: only its log was checked, as far as it was written by then.</summary>
    InUse,

    /// <summary>A write at the end of the log that a crash left unfinished, and that nobody was told of: the next opening
    /// drops it.</summary>
    TornTail,

    /// <summary>Files that an earlier crash or repair left: they are not read.</summary>
    LeftOver,

    /// <summary>The log behind the projection has not been taken into it yet: the next opening does.</summary>
    ProjectionBehind,

    /// <summary>Of an attachment only a part is there: the rest has not come yet, or was damaged and has not come again.</summary>
    BlobIncomplete,

    /// <summary>One of the two copies of the wrapped data key is damaged; the other one is good.</summary>
    KeyCopyDamaged,

    /// <summary>The projection is missing pages, is damaged, or is that of another log.</summary>
    ProjectionDamaged,

    /// <summary>The projection's registers are not those that the log leads to.</summary>
    RegistersDiffer,

    /// <summary>A document is not what the registers say.</summary>
    DocumentDiffers,

    /// <summary>Chunks of an attachment are damaged, or its file cannot be read at all.</summary>
    BlobDamaged,

    /// <summary>The log is damaged where it had been durable.</summary>
    LogDamaged,

    /// <summary>The log's check-sums hold, and it says what cannot be: a broken hash chain, a gap, a signature that does not
    /// hold, or content that cannot be applied.</summary>
    LogInconsistent,

    /// <summary>Something was written that is neither held nor replaced nor marked.</summary>
    Unaccounted,

    /// <summary>The device's private key is missing, or is another one than the replica is enrolled with: what it has written last
    /// cannot be signed.</summary>
    NodeKeyMissing,
}
