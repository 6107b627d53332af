namespace Crdt.Transport.Sessions;

/// <summary>How long to wait before the next attempt: exponential, with decorrelated jitter, below a cap.</summary>
/// <remarks>Each delay is drawn between the last one and three times that: about twice as long each time, while those
/// who lost the same peer at once drift apart. (Drawn from the shortest upwards, as in M. Brooker, "Exponential Backoff
/// And Jitter", it grows by a tenth each time only.) At the cap a fifth of it stays random.</remarks>
internal sealed class Backoff(TimeSpan min, TimeSpan max, Random random)
{
    private TimeSpan? previous;

    /// <summary>Goes on from an earlier delay, such as the one before a restart.</summary>
    public void Resume(TimeSpan last) => previous = last < min ? min : last > max ? max : last;

    public TimeSpan Next()
    {
        TimeSpan last = previous ?? min;
        TimeSpan drawn = last * (1 + (2 * random.NextDouble()));
        TimeSpan next = drawn < max ? drawn : max * (0.8 + (0.2 * random.NextDouble()));
        previous = next;
        return next;
    }

    public void Reset() => previous = null;
}
