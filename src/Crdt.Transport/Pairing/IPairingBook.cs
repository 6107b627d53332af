namespace Crdt.Transport.Pairing;

/// <summary>Where a device keeps the invitations that it has given out. Calls do not overlap within one
/// <see cref="PairingDesk"/>.</summary>
public interface IPairingBook
{
    /// <summary>All that are remembered, used and expired ones, too, for a while.</summary>
    IReadOnlyList<PairingOffer> Offers { get; }

    /// <summary>Replaces an offer, durably: nobody is let in before this has returned.</summary>
    /// <param name="offer">The one with the same token is replaced.</param>
    void Update(PairingOffer offer);
}
