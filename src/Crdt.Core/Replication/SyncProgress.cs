namespace Crdt;

/// <summary>What a session has done so far.</summary>
/// <param name="Peer">The other replica; <see langword="null"/> until its first message.</param>
/// <param name="PeerRole">Its role.</param>
/// <param name="MutationsSent">Mutations sent to it.</param>
/// <param name="MutationsReceived">Mutations that came from it and were news.</param>
/// <param name="MutationsOutstanding">Mutations that are held here and not known to be held there.</param>
/// <param name="MutationsExpected">Mutations that it announced and that have not come yet.</param>
/// <param name="IsDiverged">Whether both had equal vectors and different digests: a defect, or damage.</param>
public sealed record SyncProgress(
    ReplicaId? Peer, ReplicaRole PeerRole, long MutationsSent, long MutationsReceived, long MutationsOutstanding,
    long MutationsExpected, bool IsDiverged)
{
    /// <summary>What is known of the divergence; <see langword="null"/> where there is none.</summary>
    public Divergence? Divergence { get; init; }

    /// <summary>Batches sent to it.</summary>
    public long BatchesSent { get; init; }

    /// <summary>Batches that came from it and were news.</summary>
    public long BatchesReceived { get; init; }

    /// <summary>Whether changes are sent to it as they arise; else it gets them through others, and is told only what there
    /// is.</summary>
    public bool IsEager { get; init; } = true;
}
