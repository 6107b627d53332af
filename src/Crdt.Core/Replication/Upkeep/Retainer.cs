namespace Crdt;

/// <summary>Keeps the log as short as the space's retention asks for.</summary>
internal static class Retainer
{
    /// <summary>A snapshot is made when at least so many mutations have come since the last one, and as many as there are
    /// entities: so its cost is shared by the mutations that it lets go.</summary>
    private const long MutationsPerSnapshot = 10_000;

    /// <summary>Does what there is to do now.</summary>
    /// <returns>What came of it; <see cref="PruneOutcome.NothingToDrop"/> where the space asks for nothing.</returns>
    public static async ValueTask<PruneResult> RunAsync(Replica replica, CancellationToken cancellationToken)
    {
        if (replica.Retention != HistoryRetention.UntilStable)
            return new PruneResult(PruneOutcome.NothingToDrop, replica.PrunedTo, replica.Store.LogStart);
        bool isServer = replica.Role != ReplicaRole.Client;
        // In the client role it is not fully known what everybody has seen: there a server's word is enough, which made the
        // snapshot, and holds it.
        VersionVector? stable = isServer ? replica.StableVector : null;
        PruneResult result = await replica.PruneBelowAsync(s => stable?.Covers(s.Vector) ?? true, cancellationToken).ConfigureAwait(false);
        if (!IsSnapshotDue(replica)) return result;
        if (isServer) await replica.TakeSnapshotAsync(cancellationToken).ConfigureAwait(false);
        else replica.RequestSnapshot();
        return result;
    }

    private static bool IsSnapshotDue(Replica replica)
    {
        VersionVector vector = replica.Vector;
        VersionVector last = replica.Snapshots.Count == 0 ? VersionVector.Empty : replica.Snapshots[^1].Vector;
        long news = vector.Sum(d => Math.Max(0, d.Sequence - last[d.Replica]));
        return news >= Math.Max(MutationsPerSnapshot, replica.Writer.LivingEntities);
    }
}
