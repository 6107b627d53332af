namespace Crdt.Transport.Sessions;

/// <summary>The peer's clock as seen from here: of all samples the one with the shortest round trip.</summary>
internal sealed class PeerClock(TimeProvider time)
{
    private readonly Lock gate = new();
    private TimeSpan? roundTrip;
    private long skewMs;
    private int version;

    public TimeSpan? RoundTrip
    {
        get
        {
            lock (gate)
                return roundTrip;
        }
    }

    /// <summary>Grows with every better measurement.</summary>
    public int Version => Volatile.Read(ref version);

    public long SkewMs => Interlocked.Read(ref skewMs);

    /// <summary>The peer's clock came without an own question: late by the way here.</summary>
    public void Heard(long peerClockMs)
    {
        Interlocked.Exchange(ref skewMs, unchecked(peerClockMs - time.GetUtcNow().ToUnixTimeMilliseconds()));
        Interlocked.Increment(ref version);
    }

    /// <summary>The peer's clock came as the answer to what was sent at <paramref name="sentAt"/>.</summary>
    public void Answered(long sentAt, long peerClockMs)
    {
        // The clock first: whatever holds this thread up in between counts as part of the way, and so into the error.
        DateTimeOffset now = time.GetUtcNow();
        TimeSpan elapsed = time.GetElapsedTime(sentAt);
        lock (gate)
        {
            if (elapsed >= roundTrip)
                return;
            roundTrip = elapsed;
            DateTimeOffset midway = now - elapsed / 2;
            Interlocked.Exchange(ref skewMs, unchecked(peerClockMs - midway.ToUnixTimeMilliseconds()));
            Interlocked.Increment(ref version);
        }
    }
}
