namespace Crdt;

/// <summary>A snapshot on its way to a peer: the manifest, then, from where the peer says, the chunks. Guarded by its
/// session.</summary>
internal sealed class SnapshotOutbox(Replica replica) : IDisposable
{
    private SnapshotManifest? manifest;
    private LogPosition chunksFrom;
    private IEnumerator<ReadOnlyMemory<byte>>? chunks;
    private int next;
    private bool isOffered;

    /// <summary>Whether one is on its way: nothing that stands behind it may be sent.</summary>
    public bool IsBusy => manifest is not null;

    /// <summary>Whether the peer has to speak first.</summary>
    public bool IsWaiting => IsBusy && isOffered && chunks is null;

    /// <summary>Begins to send a snapshot; what was under way before is given up.</summary>
    public void Offer(Snapshot snapshot)
    {
        Dispose();
        manifest = replica.Writer.Snapshots.ReadManifest(snapshot);
        (chunksFrom, isOffered, next) = (snapshot.ChunksFrom, false, 0);
    }

    /// <summary>The peer says where to begin.</summary>
    /// <returns><see langword="false"/> when it was not asked, or there is no such chunk.</returns>
    public bool Begin(int from)
    {
        if (!IsWaiting || from > manifest!.Chunks.Count) return false;
        chunks = replica.Writer.Snapshots.ReadChunks(manifest, chunksFrom).GetEnumerator();
        for (; next < from; next++)
        {
            // Given up where the log before a newer one was dropped since the offer.
            if (!TryRead(out _)) return true;
        }
        return true;
    }

    /// <summary>The next message.</summary>
    /// <param name="credit">How many bytes of chunks may be sent; what is sent is taken from it.</param>
    /// <param name="isOutOfCredit">Whether the next chunk has to wait for more.</param>
    /// <param name="sent">The manifest, once everything was sent.</param>
    /// <returns><see langword="null"/> when there is none now.</returns>
    public SyncMessage? Next(ref long credit, out bool isOutOfCredit, out SnapshotManifest? sent)
    {
        (isOutOfCredit, sent) = (false, null);
        if (manifest is null || IsWaiting) return null;
        if (!isOffered)
        {
            isOffered = true;
            return new SnapshotMessage(manifest.Bytes);
        }
        if (next == manifest.Chunks.Count)
        {
            sent = manifest;
            Dispose();
            return null;
        }
        if (manifest.Chunks[next].LengthBytes > credit)
        {
            isOutOfCredit = true;
            return null;
        }
        if (!TryRead(out ReadOnlyMemory<byte> chunk)) return null;
        credit -= chunk.Length;
        next++;
        return new ChunkMessage(chunk);
    }

    /// <summary>Gives up what is under way.</summary>
    public void Dispose()
    {
        chunks?.Dispose();
        (manifest, chunks) = (null, null);
    }

    /// <summary>Reads the next chunk; gives the snapshot up when the log before a newer one was dropped meanwhile.</summary>
    private bool TryRead(out ReadOnlyMemory<byte> chunk)
    {
        chunk = default;
        try
        {
            if (chunks!.MoveNext())
            {
                chunk = chunks.Current;
                return true;
            }
        }
        catch (ApplyException) when (replica.Store.LogStart > chunksFrom)
        {
            // The session offers the newer one.
        }
        Dispose();
        return false;
    }
}
