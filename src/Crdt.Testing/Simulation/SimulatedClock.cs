namespace Crdt.Testing.Simulation;

/// <summary>One replica's wall clock: virtual time, displaced, and faster or slower than it.</summary>
/// <param name="now">Virtual time in microseconds.</param>
internal sealed class SimulatedClock(Func<long> now) : TimeProvider
{
    /// <summary>Where virtual time begins.</summary>
    public static readonly DateTimeOffset Start = new(2026, 5, 1, 8, 0, 0, TimeSpan.Zero);

    // Before this a clock cannot be set: devices without a battery begin here.
    private static readonly long EarliestUs = (DateTimeOffset.UnixEpoch - Start).Ticks / TimeSpan.TicksPerMicrosecond;

    private long anchorUs, shownUs;
    private int driftPpm;

    /// <summary>The latest time that it ever showed when it was asked, in Unix milliseconds.</summary>
    public long HighestMs { get; private set; }

    public override long TimestampFrequency => 1_000_000;

    public override long GetTimestamp() => now();

    public override DateTimeOffset GetUtcNow()
    {
        DateTimeOffset shown = Start.AddTicks(ShownUs * TimeSpan.TicksPerMicrosecond);
        HighestMs = Math.Max(HighestMs, shown.ToUnixTimeMilliseconds());
        return shown;
    }

    /// <summary>Sets it forth or back, and to another speed.</summary>
    /// <param name="jumpMs">How far; it stops at 1970.</param>
    /// <param name="ppm">By how many millionths it is fast.</param>
    public void Set(long jumpMs, int ppm)
    {
        (anchorUs, shownUs) = (now(), Math.Max(EarliestUs, ShownUs + (jumpMs * 1_000)));
        driftPpm = ppm;
    }

    private long ShownUs
    {
        get
        {
            long passed = now() - anchorUs;
            return shownUs + passed + (passed * driftPpm / 1_000_000);
        }
    }
}
