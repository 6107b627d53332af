namespace Crdt;

/// <content>How other nodes stand in this space: whom to talk to about it.</content>
public sealed partial class Replica
{
    /// <summary>The enrolment under which this replica writes, as far as it has arrived here: its own, or under a further
    /// id of the same node that of an earlier one. <see langword="null"/> in an open space.</summary>
    public Enrolment? OwnEnrolment => writer.Trust.FindOwn();

    /// <summary>How a node stands here.</summary>
    /// <param name="nodeKey">The public key that it has proved to hold.</param>
    /// <param name="shown">What it shows of itself, for whoever has not heard of it yet: judged, not believed.</param>
    /// <returns><see cref="NodeStanding.Unknown"/> in an open space. Costs a pass over those who are enrolled.</returns>
    public NodeStanding StandingOf(ReadOnlySpan<byte> nodeKey, Enrolment? shown = null)
    {
        if (!IsKeyed) return NodeStanding.Unknown;
        if (IsRevoked(nodeKey, shown)) return NodeStanding.Revoked;
        if (writer.Trust.IsKeyEnrolled(nodeKey)) return NodeStanding.Enrolled;
        return shown is not null && shown.PublicKey.Span.SequenceEqual(nodeKey) && writer.Trust.IsCertified(shown)
            ? NodeStanding.Enrolled : NodeStanding.Unknown;
    }

    /// <summary>Whether a node's key has been revoked, under whichever of its ids; the part of <see cref="StandingOf"/> that
    /// may change at any time. Costs a look at each id that was ever revoked.</summary>
    /// <param name="nodeKey">Its public key.</param>
    /// <param name="shown">What it has shown of itself.</param>
    public bool IsRevoked(ReadOnlySpan<byte> nodeKey, Enrolment? shown = null)
    {
        foreach (ReplicaId revoked in writer.Fences.Table.Revoked)
        {
            if (revoked == shown?.Replica) return true;
            if (writer.Trust.Find(revoked) is { } known && known.PublicKey.Span.SequenceEqual(nodeKey)) return true;
        }
        return false;
    }

    /// <summary>Whether a replica is known as another node's than the one with that key.</summary>
    internal bool IsOfOtherKey(ReplicaId replica, ReadOnlySpan<byte> nodeKey) =>
        writer.Trust.Find(replica) is { } known && !known.PublicKey.Span.SequenceEqual(nodeKey);
}
