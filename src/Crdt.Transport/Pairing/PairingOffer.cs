using Crdt.Transport.Security;

namespace Crdt.Transport.Pairing;

/// <summary>What the inviting device remembers of an invitation.</summary>
/// <param name="Token">The secret.</param>
/// <param name="Role">The role that the new device gets.</param>
/// <param name="Owner">Whose it will be; <see langword="null"/> where nobody is named.</param>
/// <param name="Expires">Until when it is honoured.</param>
public sealed record PairingOffer(ReadOnlyMemory<byte> Token, ReplicaRole Role, string? Owner, DateTimeOffset Expires)
{
    /// <summary>Who has used it: from then on it is of use to nobody else, and to that device only to be told again what it
    /// was told.</summary>
    public NodeFingerprint? UsedBy { get; init; }
}
