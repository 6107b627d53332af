namespace Crdt.Transport.Sessions;

/// <summary>What is known of the other side of a connection: which key it holds, and what it has shown for it.</summary>
/// <param name="key">The key that it has proved to hold; empty where a connection proves nothing, and everybody is taken
/// as enrolled.</param>
internal sealed class PeerRecognition(ReadOnlyMemory<byte> key)
{
    private readonly Dictionary<SpaceId, Enrolment> shown = [];

    public ReadOnlyMemory<byte> Key => key;

    /// <summary>How it stands in a space. Costs a pass over those who are enrolled there.</summary>
    public NodeStanding StandingIn(Replica replica) => key.IsEmpty
        ? NodeStanding.Enrolled
        : replica.StandingOf(key.Span, shown.GetValueOrDefault(replica.Space));

    /// <summary>Whether its key has been revoked there; may be asked with each message.</summary>
    public bool IsRevokedIn(Replica replica) =>
        !key.IsEmpty && replica.IsRevoked(key.Span, shown.GetValueOrDefault(replica.Space));

    /// <summary>Takes what it shows of itself; judged with <see cref="StandingIn"/>.</summary>
    public void Take(SpaceId space, Enrolment enrolment) => shown[space] = enrolment;
}
