using System.Net;

namespace Crdt.Transport.Discovery;

/// <summary>A node that is said to be near, and what this node makes of it.</summary>
/// <param name="Instance">Its name where it was found.</param>
/// <param name="NodeId">The id that it claims; <see cref="Guid.Empty"/> when it was configured and tells none.</param>
/// <param name="Key">The beginning of the fingerprint of the key that it claims, 16 letters and digits; <see
/// langword="null"/> when it claims none.</param>
/// <param name="EndPoint">For <see cref="PeerNode.ConnectAsync"/>: dials its addresses in turn, those that it has then.</param>
/// <param name="Addresses">Where it is said to be.</param>
/// <param name="Spaces">The common spaces, as far as it tells.</param>
/// <param name="Enrolment">Who it claims to be in one of them; <see langword="null"/> when no device with such a key is
/// known there.</param>
/// <param name="IsKnown">Whether it is worth a dial: a device that is enrolled in a common space and not revoked there, a
/// node of an open space, or a configured address. Who it really is, its key will prove.</param>
/// <param name="Link">How it goes with the connection; <see langword="null"/> while none is wished for.</param>
public sealed record NearbyPeer(
    string Instance,
    Guid NodeId,
    string? Key,
    EndPoint EndPoint,
    IReadOnlyList<IPEndPoint> Addresses,
    IReadOnlyList<SpaceId> Spaces,
    Enrolment? Enrolment,
    bool IsKnown,
    PeerLink? Link);
