namespace Crdt;

/// <summary>What an entry of a replica's log is.</summary>
public enum LogEntryKind
{
    /// <summary>A batch of one author, byte for byte as its author encoded it.</summary>
    Batch = 1,

    /// <summary>The end of a run: the author's chain head after its last batch (32 bytes), then its signature, if any.</summary>
    Head = 2,

    /// <summary>A note of this replica for itself, never forwarded: what others acknowledged.</summary>
    Note = 3,
}
