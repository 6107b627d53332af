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

    /// <summary>A chunk of a snapshot, byte for byte; means nothing without the entry that completes the snapshot.</summary>
    SnapshotChunk = 4,

    /// <summary>A snapshot that was made here or joined: its manifest, byte for byte. Its chunks stand before it.</summary>
    Snapshot = 5,

    /// <summary>The replica takes a new writer identity: the entry's author is the new id, its payload the 16 bytes of
    /// the one before. <see cref="IReplicaStore.Identity"/> follows it.</summary>
    Identity = 6,

    /// <summary>A run that a fence has cut off: kept and passed on, never applied.</summary>
    Aside = 7,

    /// <summary>A fence of which this replica was told, perhaps before the mutation that states it arrives.</summary>
    Fence = 8,

    /// <summary>A note of this replica for itself: from which snapshot it can be built anew when what lies before it in the
    /// log has been dropped, and its bookkeeping at that time.</summary>
    Floor = 9,

    /// <summary>A note of this replica for itself: of the entry's author it held another log than the one that counts, and
    /// which entries before this one are of that. They mean nothing any more.</summary>
    Parting = 10,
}
