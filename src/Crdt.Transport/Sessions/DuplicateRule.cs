namespace Crdt.Transport.Sessions;

/// <summary>Which of two connections to the same node stays. Both sides judge by themselves, at different times and
/// from different knowledge, and come to the same answer.</summary>
internal static class DuplicateRule
{
    /// <param name="old">The connection this side has.</param>
    /// <param name="fresh">The one whose greetings are just done.</param>
    /// <param name="self">This side's node id and boot nonce.</param>
    /// <param name="peer">The other side's node id.</param>
    public static DuplicateVerdict Judge(
        in LinkFacts old, in LinkFacts fresh, (Guid NodeId, ulong BootNonce) self, Guid peer)
    {
        if (old.BootNonce != fresh.BootNonce || PeerDropped(old, fresh))
            return DuplicateVerdict.OldIsDead;
        if (old.IsDialler != fresh.IsDialler)
        {
            // As with BGP's colliding connections: the one dialled by the larger node.
            bool keepOwn = self.NodeId.CompareTo(peer) > 0;
            return keepOwn == fresh.IsDialler ? DuplicateVerdict.KeepNew : DuplicateVerdict.KeepOld;
        }

        // One side dialled both: its later greeting tells whether it still meant to keep the earlier connection.
        ulong diallerBoot = fresh.IsDialler ? self.BootNonce : fresh.BootNonce;
        bool oldIsEarlier = unchecked(old.ConnectionId - diallerBoot < fresh.ConnectionId - diallerBoot);
        LinkFacts later = oldIsEarlier ? fresh : old;
        ulong earlierId = (oldIsEarlier ? old : fresh).ConnectionId;
        bool keepEarlier = (later.IsDialler ? later.OwnHolds : later.PeerHolds)?.Contains(earlierId) ?? false;
        return keepEarlier == oldIsEarlier ? DuplicateVerdict.KeepOld : DuplicateVerdict.KeepNew;
    }

    // The peer's greeting on the fresh connection does not list the old one, though the peer knew of that when it
    // composed the greeting: it has dropped it, and ours is half open.
    private static bool PeerDropped(in LinkFacts old, in LinkFacts fresh)
    {
        if (fresh.PeerHolds is null || fresh.PeerHolds.Contains(old.ConnectionId))
            return false;
        if (fresh.IsDialler)
            return old.AdmittedAt < fresh.ComposedAt; // what we had when we dialled, the peer had too

        // The peer answered on the old one before it dialled the fresh one.
        return old.IsDialler && old.PeerHolds?.Contains(fresh.ConnectionId) == false;
    }
}
