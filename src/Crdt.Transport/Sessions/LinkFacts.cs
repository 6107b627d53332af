namespace Crdt.Transport.Sessions;

/// <summary>What one side knows of one of its connections, to judge two connections to the same node.</summary>
/// <param name="ConnectionId">Its name.</param>
/// <param name="IsDialler">Whether this side dialled it.</param>
/// <param name="BootNonce">The peer's, from its greeting.</param>
/// <param name="OwnHolds">What this side's greeting listed.</param>
/// <param name="PeerHolds">What the peer's greeting listed.</param>
/// <param name="ComposedAt">When this side's greeting was composed, in this side's order of events.</param>
/// <param name="AdmittedAt">When this side judged that the connection stays, in the same order; 0 while it has not.</param>
internal readonly record struct LinkFacts(
    ulong ConnectionId,
    bool IsDialler,
    ulong BootNonce,
    IReadOnlyList<ulong>? OwnHolds,
    IReadOnlyList<ulong>? PeerHolds,
    long ComposedAt,
    long AdmittedAt);
