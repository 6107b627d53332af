namespace Crdt;

/// <summary>Looks for deleted entities that everybody has seen deleted, and drops them.</summary>
internal static class Purger
{
    private const int EntitiesPerCommit = 256;

    public static async ValueTask<PurgeResult> RunAsync(Replica replica, CancellationToken cancellationToken)
    {
        (long deleted, long purged, long kept) = (0, 0, 0);
        var candidates = new List<EntityKey>();
        VersionVector stable = replica.StableVector;
        foreach (EntityKey key in replica.Keys())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (key.IsSpaceData || replica.Writer.Cache.PeekCommitted(key) is not { } state) continue;
            (bool isDeleted, bool isPurgeable) = replica.Writer.LookForPurge(state);
            if (isDeleted) deleted++;
            if (isDeleted && !isPurgeable) kept++;
            if (isPurgeable && stable.Count > 0) candidates.Add(key);
            if (candidates.Count < EntitiesPerCommit) continue;
            await CommitAsync().ConfigureAwait(false);
        }
        if (candidates.Count > 0) await CommitAsync().ConfigureAwait(false);
        return new PurgeResult(purged, deleted - purged - kept, kept);

        async ValueTask CommitAsync()
        {
            var work = new PurgeWork([.. candidates]);
            await replica.Writer.EnqueueAsync(work, cancellationToken).ConfigureAwait(false);
            (purged, kept) = (purged + work.Purged, kept + work.TooLarge);
            candidates.Clear();
        }
    }
}
