namespace Crdt.Transport;

/// <summary>A peer that has broken rules and is refused for a while.</summary>
/// <param name="Peer">The fingerprint of its key in short, or what it calls itself where nothing is proved; or an address
/// from which strangers broke them.</param>
/// <param name="Violations">How often it did, without a long good while in between.</param>
/// <param name="Error">What it did last.</param>
/// <param name="Until">When it is answered again.</param>
public sealed record PeerPenalty(string Peer, int Violations, WireError Error, DateTimeOffset Until);
