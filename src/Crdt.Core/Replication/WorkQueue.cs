namespace Crdt;

/// <summary>What the single writer is asked to do, group by group: those that wait together are done together, and
/// never two groups at a time.</summary>
internal sealed class WorkQueue
{
    private readonly Lock gate = new();
    private readonly Queue<WorkItem> waiting = new();
    private readonly List<WorkItem> group = [];
    private bool isDraining, isClosed;
    private Exception? fault;

    /// <summary>Does a group, or as much of its beginning as it likes to do at once, and says how many items that were.
    /// Must complete these, and not fail. Replaced between groups only.</summary>
    public Func<List<WorkItem>, ValueTask<int>> Process { get; set; } = static _ => ValueTask.FromResult(0);

    /// <summary>Whether no more work is taken, because it was closed or failed for good.</summary>
    public bool IsStopped
    {
        get
        {
            lock (gate) return isClosed || fault is not null;
        }
    }

    /// <summary>Whether it was closed.</summary>
    public bool IsClosed
    {
        get
        {
            lock (gate) return isClosed;
        }
    }

    /// <summary>Takes no more work for good: whoever comes gets this error.</summary>
    public void Fail(Exception problem)
    {
        lock (gate) fault = problem;
    }

    /// <summary>Asks for work, and waits for its end.</summary>
    /// <exception cref="ObjectDisposedException">It was closed.</exception>
    public ValueTask EnqueueAsync(WorkItem item, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled(cancellationToken);
        bool drains;
        lock (gate)
        {
            if (isClosed) return ValueTask.FromException(new ObjectDisposedException(typeof(Replica).FullName));
            if (fault is not null) return ValueTask.FromException(fault);
            drains = !isDraining;
            isDraining = true;
            // While nobody drains, the group is empty and nobody's.
            if (drains) group.Add(item);
            else waiting.Enqueue(item);
        }
        // Whoever finds the writer idle does the work, also that of others who come meanwhile, without waiting for it
        // here: with a store that completes at once everything is done when this returns, and nothing was awaited.
        if (drains) Drain();
        return item.WaitAsync(cancellationToken);
    }

    /// <summary>Takes no more work, and waits until what was taken is done.</summary>
    public async ValueTask CloseAsync()
    {
        if (!IsStopped)
            await EnqueueAsync(new CallWork(static _ => { }), CancellationToken.None).ConfigureAwait(false);
        lock (gate) isClosed = true;
    }

    private void Drain()
    {
        ValueTask<int> done;
        do
        {
            done = Process(group);
            if (!done.IsCompletedSuccessfully)
            {
                _ = DrainAsync(done);
                return;
            }
        }
        while (TakeMore(done.Result));
    }

    private async Task DrainAsync(ValueTask<int> first)
    {
        int done = await first.ConfigureAwait(false);
        while (TakeMore(done)) done = await Process(group).ConfigureAwait(false);
    }

    /// <summary>Whether there is more to do, now that so much of the group is done.</summary>
    private bool TakeMore(int done)
    {
        lock (gate)
        {
            group.RemoveRange(0, done);
            while (waiting.TryDequeue(out WorkItem? item)) group.Add(item);
            return isDraining = group.Count > 0;
        }
    }
}
