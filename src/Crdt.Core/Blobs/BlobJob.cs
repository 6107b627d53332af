namespace Crdt;

/// <summary>A blob that is being fetched. Guarded by the gate of <see cref="ReplicaBlobs"/>.</summary>
internal sealed class BlobJob(Blob blob, long order)
{
    public Blob Blob { get; } = blob;

    /// <summary>What comes first: asked for here, then what has precedence, then thumbnails, then the rest.</summary>
    public BlobRank Rank { get; set; }

    /// <summary>In the order in which they came, within a rank.</summary>
    public long Order { get; } = order;

    /// <summary>Chunks that somebody is sending.</summary>
    public Dictionary<int, BlobExchange> Underway { get; } = [];

    /// <summary>How many wait for it here.</summary>
    public int Waiters { get; set; }

    /// <summary>Why it does not come at present.</summary>
    public (BlobError? Error, string Text)? Problem { get; set; }

    /// <summary>Whether all chunks are there, and the whole is being verified.</summary>
    public bool IsEnding { get; set; }

    /// <summary>Completes when it is whole; fails when it will not be for now.</summary>
    public TaskCompletionSource Done { get; private set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Tells those who wait why it does not come.</summary>
    public void Fail(BlobException why)
    {
        Done.TrySetException(why);
        _ = Done.Task.Exception; // looked at: nobody need wait for it
        Done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>What comes first.</summary>
internal enum BlobRank
{
    /// <summary>Somebody here waits for it.</summary>
    Demanded,

    /// <summary>It is a thumbnail of what comes first.</summary>
    FirstThumbnail,

    /// <summary>It is of what comes first.</summary>
    First,

    /// <summary>It is a thumbnail.</summary>
    Thumbnail,

    /// <summary>It is always taken.</summary>
    Always,

    /// <summary>It is taken behind the thumbnails.</summary>
    BehindThumbnails,
}
