namespace Crdt;

/// <summary>The keys that changed since an observer last looked: each once, so a slow observer costs no more memory
/// than there are entities.</summary>
internal sealed class ChangeFeed
{
    private readonly Lock gate = new();
    private readonly Pulse pulse = new();
    private HashSet<EntityKey> keys = [];

    public void Add(IReadOnlyList<EntityKey> changed)
    {
        lock (gate)
        {
            foreach (EntityKey key in changed) keys.Add(key);
        }
        pulse.Set();
    }

    /// <summary>Waits until something changed, and takes it.</summary>
    public async ValueTask<EntityKey[]> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task next = pulse.Next;
            lock (gate)
            {
                if (keys.Count > 0)
                {
                    EntityKey[] taken = [.. keys];
                    keys = [];
                    Array.Sort(taken);
                    return taken;
                }
            }
            await next.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
