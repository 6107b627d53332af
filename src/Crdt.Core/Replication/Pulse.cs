namespace Crdt;

/// <summary>A signal that many can wait for, again and again. Who asks for <see cref="Next"/> before looking misses
/// nothing.</summary>
internal sealed class Pulse
{
    private TaskCompletionSource? next;

    /// <summary>Completes with the next <see cref="Set"/>.</summary>
    public Task Next
    {
        get
        {
            if (Volatile.Read(ref next) is { } waiting) return waiting.Task;
            var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return (Interlocked.CompareExchange(ref next, mine, null) ?? mine).Task;
        }
    }

    public void Set() => Interlocked.Exchange(ref next, null)?.TrySetResult();
}
