using System.Net;

namespace Crdt.Transport.Pairing;

/// <summary>What a device that was let in needs to begin its replica.</summary>
/// <param name="Genesis">The space's founding.</param>
/// <param name="Enrolment">Who the device is there: its replica id, key, role and owner, certified by the space's authority.
/// </param>
/// <param name="Address">Where it was let in, and can get its copy of the space.</param>
public sealed record PairingGrant(SpaceGenesis Genesis, Enrolment Enrolment, EndPoint Address);
