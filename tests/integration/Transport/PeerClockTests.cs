using Crdt.Transport.Sessions;

namespace Crdt.Integration.Transport;

public class PeerClockTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    public void A_thread_held_up_between_its_readings_is_counted_into_the_round_trip(long peerReadAfterMs)
    {
        var time = new StallingTime();
        var clock = new PeerClock(time);
        long startMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        long sentAt = time.GetTimestamp();
        // The same clock on both sides, read by the peer at once or at the last moment.
        clock.Answered(sentAt, startMs + StallingTime.StallMs + peerReadAfterMs);
        double errorMs = clock.RoundTrip!.Value.TotalMilliseconds / 2;
        Assert.InRange(clock.SkewMs, -errorMs, errorMs);
    }

    /// <summary>A machine so busy that every reading of a clock costs the thread its turn.</summary>
    private sealed class StallingTime : TimeProvider
    {
        public const long StallMs = 10;

        private DateTimeOffset now = new(2026, 5, 1, 8, 0, 0, TimeSpan.Zero);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => Stall();

        public override long GetTimestamp() => Stall().Ticks;

        private DateTimeOffset Stall()
        {
            DateTimeOffset read = now;
            now = now.AddMilliseconds(StallMs);
            return read;
        }
    }
}
