namespace Crdt;

/// <summary>A session's part in finding the entities in which its two replicas differ: begins a search when it is
/// quiet,
/// answers the peer's, and begins anew when somebody wrote meanwhile, a few times.</summary>
internal sealed class DivergenceHunt(Replica replica) : IDisposable
{
    /// <summary>Searches in one session: each costs a look at the digests of all entities.</summary>
    private const int SearchesMax = 8;

    // A search may be begun by both sides, and come too late each time: WF-4.8.
    private const int BeginningsHeardMax = 2 * SearchesMax;

    private readonly Lock gate = new();
    private readonly SemaphoreSlim turn = new(1);
    private readonly Queue<RangesMessage> givenUp = new();
    private DivergenceSearch? search;
    private int searches, beginningsHeard;
    private bool isWanted;

    /// <summary>Whether nothing is being looked for.</summary>
    public bool IsIdle
    {
        get
        {
            lock (gate) return !WantsSearch && search is null && givenUp.Count == 0;
        }
    }

    /// <summary>Whether there is something to send.</summary>
    public bool HasOutgoing
    {
        get
        {
            lock (gate) return givenUp.Count > 0 || search is { HasOutgoing: true };
        }
    }

    /// <summary>Whether a search should begin, once nothing else is under way.</summary>
    public bool IsWaiting
    {
        get
        {
            lock (gate) return WantsSearch && search is null;
        }
    }

    private bool WantsSearch => isWanted && searches < SearchesMax;

    /// <summary>Asks for a search.</summary>
    public void Begin()
    {
        lock (gate) isWanted = true;
    }

    /// <summary>The next message for the peer.</summary>
    /// <param name="isQuiet">Whether a search may begin now.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public async ValueTask<RangesMessage?> NextAsync(bool isQuiet, CancellationToken cancellationToken)
    {
        if (!HasOutgoing && !(isQuiet && IsWaiting)) return null;
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (isQuiet && IsWaiting) await OpenAsync(null, cancellationToken).ConfigureAwait(false);
            lock (gate)
            {
                if (givenUp.TryDequeue(out RangesMessage? message)) return message;
                message = search?.TakeOutgoing();
                DropEnded();
                return message;
            }
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Takes what the peer holds of some ranges.</summary>
    /// <returns>The search that has ended with this.</returns>
    /// <exception cref="SyncException">The peer's part is wrong.</exception>
    public async ValueTask<DivergenceSearch?> TakeAsync(RangesMessage message, CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            bool isCurrent = search is { } own && own.Moment.Span.SequenceEqual(message.Moment.Span);
            if (message.Ranges.Count == 0)
            {
                lock (gate) search = isCurrent ? null : search;
                return null;
            }
            if (!isCurrent && !await TryJoinAsync(message, cancellationToken).ConfigureAwait(false)) return null;
            lock (gate)
            {
                DivergenceSearch joined = search!;
                joined.Take(message);
                if (!joined.IsDone) return null;
                isWanted = false;
                DropEnded();
                return joined;
            }
        }
        finally
        {
            turn.Release();
        }
    }

    public void Dispose() => turn.Dispose();

    /// <summary>Takes part in a search that the peer has begun, if this replica is where the peer is.</summary>
    private async ValueTask<bool> TryJoinAsync(RangesMessage message, CancellationToken cancellationToken)
    {
        // What is left of a search that was given up here is passed over.
        if (message.Step > 0) return false;
        if (++beginningsHeard > BeginningsHeardMax)
        {
            throw new SyncException(
                SyncError.UnexpectedMessage, "The peer begins to look for a divergence again and again.");
        }
        if (search is null && searches < SearchesMax
            && await OpenAsync(message.Moment.ToArray(), cancellationToken).ConfigureAwait(false)) return true;
        lock (gate) givenUp.Enqueue(new RangesMessage(message.Moment.ToArray(), 0, []));
        return false;
    }

    private async ValueTask<bool> OpenAsync(ReadOnlyMemory<byte>? moment, CancellationToken cancellationToken)
    {
        using var reading = new ReadDigestsWork(moment);
        if (await reading.ReadAsync(replica, cancellationToken).ConfigureAwait(false) is not { } index) return false;
        lock (gate)
        {
            searches++;
            search = new DivergenceSearch(reading.Moment, index);
        }
        return true;
    }

    private void DropEnded()
    {
        if (search is { IsDone: true, HasOutgoing: false }) search = null;
    }
}
