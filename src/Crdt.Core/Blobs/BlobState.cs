namespace Crdt;

/// <summary>How a blob stands on this device.</summary>
/// <param name="Blob">Which.</param>
/// <param name="Chunks">How many of its chunks are here.</param>
/// <param name="Damaged">How many were here, and were found damaged on the disk.</param>
/// <param name="IsWanted">Whether the rest is being fetched, or will be from the next peer that has it.</param>
/// <param name="Sources">How many connected peers have some of what is missing.</param>
/// <param name="OnServers">Which other replicas in the server role have said that they hold all of it: signed mutations of theirs, in
/// a keyed space.</param>
/// <param name="Problem">Why it does not come: what was refused, or what this device refuses; <see langword="null"/> if
/// nothing.</param>
/// <param name="Explanation">The same for people.</param>
public sealed record BlobState(
    Blob Blob, int Chunks, int Damaged, bool IsWanted, int Sources, IReadOnlyList<ReplicaId> OnServers, BlobError? Problem, string Explanation)
{
    /// <summary>Whether all of it is here.</summary>
    public bool IsWhole => Chunks == ChunksMax;

    /// <summary>How many chunks it has.</summary>
    public int ChunksMax => new BlobTree(Blob.Size).Chunks;

    /// <summary>The same in one word.</summary>
    public BlobStanding Standing => Problem switch
    {
        BlobError.ContentRefused or BlobError.ChunkRefused => BlobStanding.Refused,
        _ when IsWhole => BlobStanding.Here,
        BlobError.QuotaExceeded => BlobStanding.OverQuota,
        BlobError.NotAllowed => BlobStanding.NotTaken,
        _ when IsWanted && Sources > 0 => BlobStanding.Fetching,
        _ when IsWanted => BlobStanding.Waiting,
        BlobError.Missing => BlobStanding.OnDemand,
        _ => BlobStanding.Failed,
    };

    /// <summary>How many of its bytes are here, to within a chunk.</summary>
    public long BytesHere => IsWhole ? Blob.Size : Math.Min(Blob.Size, (long)Chunks * BlobTree.ChunkLengthBytes);
}
