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
    public Func<IReadOnlyList<WorkItem>, ValueTask<int>> Process { get; set; } = static _ => ValueTask.FromResult(0);

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
    public async ValueTask EnqueueAsync(WorkItem item, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        bool drains;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isClosed, typeof(Replica));
            if (fault is not null) throw fault;
            waiting.Enqueue(item);
            drains = !isDraining;
            isDraining = true;
        }
        // Whoever finds the writer idle does the work, also that of others who come meanwhile, without waiting for it
        // here: with a store that completes at once everything is done when this returns.
        if (drains) _ = DrainAsync();
        await item.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Takes no more work, and waits until what was taken is done.</summary>
    public async ValueTask CloseAsync()
    {
        if (!IsStopped)
            await EnqueueAsync(new CallWork(static _ => { }), CancellationToken.None).ConfigureAwait(false);
        lock (gate) isClosed = true;
    }

    private async Task DrainAsync()
    {
        while (true)
        {
            lock (gate)
            {
                while (waiting.TryDequeue(out WorkItem? item)) group.Add(item);
                if (group.Count == 0)
                {
                    isDraining = false;
                    return;
                }
            }
            group.RemoveRange(0, await Process(group).ConfigureAwait(false));
        }
    }
}
