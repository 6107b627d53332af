using Crdt.Transport.Security;

namespace Crdt.Transport.Pairing;

/// <summary>What two people compare before their devices trust each other.</summary>
/// <param name="Digits">Six digits; the same on both screens unless somebody stands in between.</param>
/// <param name="Name">What the other device calls itself; nothing proves it. Empty for the inviting one.</param>
/// <param name="Peer">The other device's key.</param>
public sealed record PairingCode(string Digits, string Name, NodeFingerprint Peer);
