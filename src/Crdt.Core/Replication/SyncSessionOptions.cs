namespace Crdt;

/// <summary>How a <see cref="SyncSession"/> runs.</summary>
public sealed record SyncSessionOptions
{
    /// <summary>Bytes of batches that the peer may send ahead of what was applied here; at least 2 MiB and one byte
    /// (more than two runs), 4 MiB by default.</summary>
    public int CreditBytes { get; init; } = 4 << 20;
}
