namespace Crdt;

/// <summary>Remembers, outside a replica's own files, how much of what it wrote has left the device. A log that lacks it
/// was restored from a backup, or copied: going on under its id would use dots twice (semantics 9).</summary>
/// <remarks>One record for one replica, kept where the replica's files are not: what is backed up, restored or copied
/// with them tells nothing. The replica is the only caller, one call at a time.</remarks>
public interface IReleaseRecord
{
    /// <summary>What was recorded last; <see langword="null"/> when nothing ever was: a replica that has written is then
    /// taken for a copy.</summary>
    ValueTask<ChainHead?> ReadAsync(CancellationToken cancellationToken);

    /// <summary>Records the head of what is about to leave, durably, before the first byte of it goes.</summary>
    /// <param name="head">The replica's writer identity, and how far its log was released; sequence 0 when it was
    /// opened here and nothing has left yet.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    ValueTask WriteAsync(ChainHead head, CancellationToken cancellationToken);
}
