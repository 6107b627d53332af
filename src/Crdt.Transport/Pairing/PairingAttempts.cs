namespace Crdt.Transport.Pairing;

/// <summary>Counts attempts that failed, and for a while allows no more when they were many.</summary>
internal sealed class PairingAttempts(int max, TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    private readonly Queue<long> failures = new();

    /// <exception cref="WireException"><see cref="WireError.TooManyAttempts"/>.</exception>
    public void Check()
    {
        lock (failures)
        {
            while (failures.TryPeek(out long at) && time.GetElapsedTime(at) >= Window)
                failures.Dequeue();
            if (failures.Count >= max)
            {
                throw new WireException(WireError.TooManyAttempts,
                    $"{max} attempts to be paired failed within {Window.TotalMinutes:0} minutes, the limit: there are no more for a while.");
            }
        }
    }

    public void Fail()
    {
        lock (failures)
            failures.Enqueue(time.GetTimestamp());
    }
}
