namespace Crdt;

/// <summary>How a <see cref="SyncSession"/> runs.</summary>
public sealed record SyncSessionOptions
{
    /// <summary>Bytes of batches that the peer may send ahead of what was applied here; at least 2 MiB and one byte
    /// (more than two runs), 4 MiB by default.</summary>
    public int CreditBytes { get; init; } = 4 << 20;

    /// <summary>Of more authors than that the heads are summed up first: a round trip more, and few bytes.</summary>
    internal int WholeHeadsMax { get; init; } = HeadSums.WholeMax;
}
