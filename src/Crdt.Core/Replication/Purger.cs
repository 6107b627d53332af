namespace Crdt;

/// <summary>Looks for deleted entities that everybody has seen deleted, and drops them; when asked, and at intervals.</summary>
internal sealed class Purger(Replica replica) : IDisposable
{
    private const int EntitiesPerCommit = 256;

    private readonly SemaphoreSlim turn = new(1);
    private readonly CancellationTokenSource ending = new();
    private ITimer? timer;

    /// <summary>What went wrong with the last purge of its own accord; <see langword="null"/> if nothing.</summary>
    public Exception? Error { get; private set; }

    public void Start(TimeSpan interval) =>
        timer = replica.Options.Time.CreateTimer(static p => _ = ((Purger)p!).RunQuietlyAsync(), this, interval, interval);

    public async ValueTask<PurgeResult> RunAsync(CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await PurgeAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    public void Dispose()
    {
        timer?.Dispose();
        ending.Cancel();
        ending.Dispose();
    }

    private async Task RunQuietlyAsync()
    {
        // One at a time: who comes while another is under way has nothing to add.
        if (ending.IsCancellationRequested || !await turn.WaitAsync(TimeSpan.Zero).ConfigureAwait(false)) return;
        try
        {
            await PurgeAsync(ending.Token).ConfigureAwait(false);
            Error = null;
        }
#pragma warning disable CA1031 // Nobody waits for it: the error is kept to be looked at, and the next time tries again.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Error = e is OperationCanceledException or ObjectDisposedException ? Error : e;
        }
        finally
        {
            turn.Release();
        }
    }

    private async ValueTask<PurgeResult> PurgeAsync(CancellationToken cancellationToken)
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
