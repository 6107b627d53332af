namespace Crdt;

/// <summary>Something that the replica's single writer is asked to do; done together with what waits beside it.</summary>
internal abstract class WorkItem
{
    private readonly Lock gate = new();
    private TaskCompletionSource? waiter;
    private Exception? error;
    private bool isDone;

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
        lock (gate)
        {
            (isDone, error) = (true, problem);
            if (waiter is null) return;
        }
        if (problem is null) waiter.SetResult();
        else waiter.SetException(problem);
    }

    /// <summary>The end, at once where it has come already.</summary>
    public ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (isDone && error is null) return default;
            if (isDone) return ValueTask.FromException(error!);
            waiter ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        return new ValueTask(cancellationToken.CanBeCanceled ? waiter.Task.WaitAsync(cancellationToken) : waiter.Task);
    }
}
