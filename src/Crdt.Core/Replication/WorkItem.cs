namespace Crdt;

/// <summary>Something that the replica's single writer is asked to do; done together with what waits beside it.</summary>
internal abstract class WorkItem
{
    private static readonly object Done = new();

    // Null until somebody waits (a TaskCompletionSource) or the end comes (Done, or what went wrong).
    private object? state;

    /// <summary>Whether it must come behind what waits beside it.</summary>
    public virtual bool ComesLast => false;

    /// <summary>Whether it is done even where the group it waited in is given up.</summary>
    public virtual bool OutlivesGroup => false;

    /// <summary>Whether who waits for it does not wait for the disk.</summary>
    public virtual bool IsRelaxed => false;

    /// <summary>Does the work on unpublished state. An exception gives up this item alone.</summary>
    public virtual void Prepare(ReplicaWriter writer)
    {
    }

    /// <summary>Looks at what was published, or at what stands if the group was given up.</summary>
    public virtual void Finish(ReplicaWriter writer)
    {
    }

    /// <summary>Reports the end: after the group became durable and visible, or with what went wrong.</summary>
    public void Complete(Exception? problem)
    {
        if (Interlocked.Exchange(ref state, problem ?? Done) is not TaskCompletionSource waiter) return;
        if (problem is null) waiter.SetResult();
        else waiter.SetException(problem);
    }

    /// <summary>The end, at once where it has come already.</summary>
    public ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        object? now = Volatile.Read(ref state);
        if (now is null)
        {
            var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            now = Interlocked.CompareExchange(ref state, mine, null) ?? mine;
        }
        if (ReferenceEquals(now, Done)) return default;
        if (now is Exception error) return ValueTask.FromException(error);
        Task end = ((TaskCompletionSource)now).Task;
        return new ValueTask(cancellationToken.CanBeCanceled ? end.WaitAsync(cancellationToken) : end);
    }
}
