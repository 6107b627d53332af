namespace Crdt;

/// <summary>Issues a replica's timestamps: always increasing, close to wall time, pulled forward by what it sees.</summary>
/// <remarks>Not safe for concurrent use: the replica's single writer owns it. Laws: 8.</remarks>
public sealed class HybridLogicalClock
{
    /// <summary>How far a remote timestamp may pull the clock ahead of wall time by default: five minutes, so that a
    /// device with a wrong clock cannot drag a whole team into the future (semantics 4).</summary>
    public static readonly TimeSpan DefaultDriftMax = TimeSpan.FromMinutes(5);

    private readonly TimeProvider time;
    private readonly long driftMaxMs;

    /// <summary>A clock that has issued nothing yet.</summary>
    /// <param name="time">Source of wall time.</param>
    /// <param name="driftMax">How far remote timestamps may pull the clock ahead of wall time; not negative.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="driftMax"/> is negative.</exception>
    public HybridLogicalClock(TimeProvider time, TimeSpan driftMax)
    {
        ArgumentNullException.ThrowIfNull(time);
        ArgumentOutOfRangeException.ThrowIfLessThan(driftMax, TimeSpan.Zero);
        this.time = time;
        driftMaxMs = (long)driftMax.TotalMilliseconds;
    }

    /// <summary>The last timestamp issued, or the one that pulled the clock.</summary>
    public HybridTimestamp Last { get; private set; }

    /// <summary>Milliseconds to add to the wall clock: the last known offset to a server-role replica, else 0. With
    /// it, a device whose clock battery is dead takes part fairly.</summary>
    public long OffsetMs { get; set; }

    /// <summary>Wall time with the offset, in Unix milliseconds.</summary>
    internal long WallMs => Math.Clamp(time.GetUtcNow().ToUnixTimeMilliseconds() + OffsetMs, 0,
        HybridTimestamp.MillisecondsMax);

    /// <summary>Issues the next timestamp: wall time, or just after <see cref="Last"/> where that is later.</summary>
    public HybridTimestamp Tick() => Tick(WallMs);

    /// <summary>The same, by a wall time that was read already: asking for it costs more than all the rest.</summary>
    internal HybridTimestamp Tick(long wallMs)
    {
        HybridTimestamp now = HybridTimestamp.FromUnixMs(wallMs);
        return Last = now > Last ? now : Last.Next();
    }

    /// <summary>Takes note of a timestamp seen in someone else's mutation: later ticks come after it, unless it lies
    /// further ahead of wall time than the drift bound, which is then as far as the clock is pulled.</summary>
    public void Witness(HybridTimestamp remote)
    {
        if (remote <= Last) return;
        HybridTimestamp bound = HybridTimestamp.FromUnixMs(WallMs + driftMaxMs);
        HybridTimestamp seen = remote < bound ? remote : bound;
        if (seen > Last) Last = seen;
    }

    /// <summary>Goes on after <paramref name="last"/>, which this replica itself issued: without any bound.</summary>
    internal void Restore(HybridTimestamp last)
    {
        if (last > Last) Last = last;
    }
}
