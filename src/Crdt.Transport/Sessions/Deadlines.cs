using Crdt.Transport.Frames;

namespace Crdt.Transport.Sessions;

/// <summary>Judges from counts and times alone whether a connection has become useless.</summary>
internal sealed class Deadlines(FramedConnection frames, PeerNodeOptions options)
{
    private readonly TimeProvider time = options.TimeProvider;
    private readonly long startedAt = options.TimeProvider.GetTimestamp();
    private volatile bool isPairing;
    private long applyingSince;
    private long appliedAt;

    /// <summary>People are asked from here on: they are slower than machines.</summary>
    public void BeginPairing() => isPairing = true;

    /// <summary>A message is being applied: nothing is read meanwhile, and silence says nothing about the peer.
    /// </summary>
    public void BeginApplying() => Volatile.Write(ref applyingSince, time.GetTimestamp());

    public void EndApplying()
    {
        Volatile.Write(ref appliedAt, time.GetTimestamp());
        Volatile.Write(ref applyingSince, 0);
    }

    /// <summary>Whether one side has been silent for so long that a ping is due. Sent bytes count too: a peer that
    /// only receives, slowly, must hear and say something as well.</summary>
    public bool IsPingDue() => frames.Greeted
        && (time.GetElapsedTime(frames.ReceivedAt) >= options.PingInterval
            || time.GetElapsedTime(frames.SentAt) >= options.PingInterval);

    /// <summary>Why the connection is to be ended, if it is.</summary>
    public CloseReason? Overdue()
    {
        long now = time.GetTimestamp();
        if (isPairing)
        {
            return time.GetElapsedTime(startedAt, now) >= options.PairingTimeout
                ? Reason(WireError.HandshakeTimeout, $"{frames.Peer} was not paired within {options.PairingTimeout}.")
                : OverdueFlush(now) ?? OverdueFrame(now);
        }
        if (!frames.Greeted && time.GetElapsedTime(startedAt, now) >= options.HandshakeTimeout)
        {
            return Reason(
                WireError.HandshakeTimeout,
                $"{frames.Peer} did not complete the greeting within {options.HandshakeTimeout}.");
        }
        return OverdueFlush(now) ?? OverdueFrame(now) ?? OverdueBytes(now);
    }

    private CloseReason? OverdueFlush(long now) =>
        frames.FlushBegunAt is not 0 and long begun && time.GetElapsedTime(begun, now) >= options.FlushTimeout
            ? Reason(WireError.NotReading, $"{frames.Peer} took nothing for {options.FlushTimeout}.")
            : null;

    private CloseReason? OverdueFrame(long now)
    {
        if (frames.FrameBegunAt is not (not 0 and long begun))
            return null;
        TimeSpan age = time.GetElapsedTime(begun, now);
        if (age < options.ReceiveRateGrace || frames.FrameBytes >= age.TotalSeconds * options.ReceiveRateMin)
            return null;
        return Reason(
            WireError.TooSlow,
            $"{frames.Peer} sent {frames.FrameBytes} bytes of a frame in {age}; the limit is {options.ReceiveRateMin} "
            + "bytes per second.");
    }

    private CloseReason? OverdueBytes(long now)
    {
        long heardAt = Math.Max(frames.ReceivedAt, Volatile.Read(ref appliedAt));
        return Volatile.Read(ref applyingSince) == 0 && time.GetElapsedTime(heardAt, now) >= options.DeadAfter
            ? Reason(WireError.Silent, $"Nothing came from {frames.Peer} for {options.DeadAfter}.")
            : null;
    }

    private static CloseReason Reason(WireError error, string message) => new(error, ByPeer: false, message);
}
