using Crdt.Transport;

namespace Crdt.Server.Hosting;

/// <summary>What all sessions with peers have moved, those that ended and those that run: sums that only grow.</summary>
internal sealed class SessionTotals
{
    private readonly Lock gate = new();
    private readonly Dictionary<PeerConnection, DateTimeOffset> running = [];
    private SessionTraffic ended;

    /// <summary>What was moved so far in a space.</summary>
    public SessionTraffic Read(SpaceId space)
    {
        lock (gate) return running.Keys.Aggregate(ended, (sum, connection) => sum + SessionTraffic.Of(connection, space));
    }

    /// <summary>Notes a session that began.</summary>
    public void Begin(PeerConnection connection, DateTimeOffset at)
    {
        lock (gate) running[connection] = at;
    }

    /// <summary>Notes that one ended.</summary>
    /// <returns>When it began, and what it moved; <see langword="null"/> of one that never ran.</returns>
    public (DateTimeOffset Begun, SessionTraffic Traffic)? End(PeerConnection connection, SpaceId space)
    {
        lock (gate)
        {
            if (!running.Remove(connection, out DateTimeOffset begun)) return null;
            var moved = SessionTraffic.Of(connection, space);
            ended += moved;
            return (begun, moved);
        }
    }
}
