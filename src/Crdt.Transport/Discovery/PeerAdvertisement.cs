using System.Net;

namespace Crdt.Transport.Discovery;

/// <summary>What a node lets everybody around know of it.</summary>
/// <param name="Instance">Its name, 1 to 63 bytes of UTF-8. Where another has it, a mechanism appends a number.</param>
/// <param name="EndPoint">Where it listens. Of "every address" those are told that each network has; of one address that
/// alone, on its network.</param>
/// <param name="Properties">What else is told, in ASCII: each name and value together at most 254 bytes.</param>
public sealed record PeerAdvertisement(
    string Instance, IPEndPoint EndPoint, IReadOnlyDictionary<string, string> Properties);
