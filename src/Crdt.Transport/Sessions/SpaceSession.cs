namespace Crdt.Transport.Sessions;

/// <summary>A space that both sides of a connection replicate, under our number for it.</summary>
internal sealed class SpaceSession(SpaceChannel channel, Replica replica, SyncSession sync, BlobExchange blobs) : IDisposable
{
    public Replica Replica { get; } = replica;

    public SpaceChannel Channel { get; } = channel;

    public SyncSession Sync { get; } = sync;

    /// <summary>The lane of the attachments.</summary>
    public BlobExchange Blobs { get; } = blobs;

    /// <summary>Whether it may have something to send. Cleared by the writer, set again when it calls.</summary>
    public bool MayHaveMore { get => Volatile.Read(ref mayHaveMore); set => Volatile.Write(ref mayHaveMore, value); }

    /// <summary>Whether the peer has sent a message in this session.</summary>
    public bool HasHeard { get => Volatile.Read(ref hasHeard); set => Volatile.Write(ref hasHeard, value); }

    /// <summary>The measurement of the peer's clock that the replica was told last; 0 for none.</summary>
    public int NotedClock { get; set; }

    /// <summary>The wait for its next call.</summary>
    public Task Waiting { get; set; } = Task.CompletedTask;

    /// <summary>What went of it, its attachments included; counted by the writer.</summary>
    public long BytesSent { get => Interlocked.Read(ref bytesSent); set => Interlocked.Exchange(ref bytesSent, value); }

    /// <summary>What came of it; counted by the reader.</summary>
    public long BytesReceived { get => Interlocked.Read(ref bytesReceived); set => Interlocked.Exchange(ref bytesReceived, value); }

    public void Dispose()
    {
        Sync.Dispose();
        Blobs.Dispose();
    }

    private bool mayHaveMore = true;
    private bool hasHeard;
    private long bytesSent;
    private long bytesReceived;
}
