namespace Crdt;

/// <summary>Why something about a blob could not be done.</summary>
public enum BlobError
{
    /// <summary>It is not there, or not all of it: it can be fetched from a peer that has it.</summary>
    Missing,

    /// <summary>A chunk that came is not that of the blob: whoever sent it is wrong or lies.</summary>
    ChunkRefused,

    /// <summary>The content is whole and is not what the field says it is: its SHA-256 is another one.</summary>
    ContentRefused,

    /// <summary>The chunks would take more than the store's quota.</summary>
    QuotaExceeded,

    /// <summary>It is larger than a blob may be.</summary>
    TooLarge,

    /// <summary>The device's own policy says not to take it.</summary>
    NotAllowed,

    /// <summary>It cannot be dropped, since nobody in the server role is known to hold it.</summary>
    NotHeldElsewhere,
}
