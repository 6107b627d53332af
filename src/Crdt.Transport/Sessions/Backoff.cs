namespace Crdt.Transport.Sessions;

/// <summary>How long to wait before the next attempt: exponential, with decorrelated jitter, below a cap.</summary>
/// <remarks>Each delay is drawn between the shortest and three times the last one, so that those who lost the same
/// peer at once do not come back at once. At the cap a fifth of it stays random, for the same reason. Source:
/// M. Brooker, "Exponential Backoff And Jitter".</remarks>
internal sealed class Backoff(TimeSpan min, TimeSpan max, Random random)
{
    private TimeSpan? previous;

    public TimeSpan Next()
    {
        TimeSpan last = previous ?? min;
        TimeSpan drawn = min + random.NextDouble() * (3 * last - min);
        TimeSpan next = drawn < max ? drawn : max * (0.8 + 0.2 * random.NextDouble());
        previous = next;
        return next;
    }

    public void Reset() => previous = null;
}
