using Crdt.Transport.Frames;

namespace Crdt.Transport.Sessions;

/// <summary>Pings and their answers on one connection. One of each waits at most; safe for concurrent calls.</summary>
internal sealed class Pings(PeerClock clock, TimeProvider time)
{
    private readonly Lock gate = new();
    private bool isDue;
    private uint number;
    private long sentAt;
    private uint? answerDue;

    /// <summary>Asks for a ping, unless one sent within <paramref name="interval"/> waits for its answer.</summary>
    public void Ask(TimeSpan interval)
    {
        lock (gate)
            isDue |= sentAt == 0 || time.GetElapsedTime(sentAt) >= interval;
    }

    /// <summary>Takes a ping of the peer; of several only the last is answered.</summary>
    public void Take(uint asked)
    {
        lock (gate)
            answerDue = asked;
    }

    /// <summary>Takes the peer's answer; one to nothing that was asked is passed over.</summary>
    public void Take((uint Number, long WallClockMs) answer)
    {
        lock (gate)
        {
            if (answer.Number != number || sentAt == 0)
                return;
            clock.Answered(sentAt, answer.WallClockMs);
            sentAt = 0;
        }
    }

    /// <summary>Writes what is due.</summary>
    public void Write(FrameBuffer output)
    {
        lock (gate)
        {
            if (answerDue is uint asked)
                MessageFormat.WritePong(output, asked, time.GetUtcNow().ToUnixTimeMilliseconds());
            answerDue = null;
            if (!isDue)
                return;
            isDue = false;
            sentAt = time.GetTimestamp();
            MessageFormat.WritePing(output, ++number);
        }
    }
}
