namespace Crdt;

/// <summary>A signal that many can wait for, again and again. Who asks for <see cref="Next"/> before looking misses
/// nothing.</summary>
internal sealed class Pulse
{
    private readonly Lock gate = new();
    private TaskCompletionSource? next;

    /// <summary>Completes with the next <see cref="Set"/>.</summary>
    public Task Next
    {
        get
        {
            lock (gate)
                return (next ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    public void Set()
    {
        TaskCompletionSource? waiting;
        lock (gate) (waiting, next) = (next, null);
        waiting?.TrySetResult();
    }
}
