using System.Net;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>Something to send.</summary>
/// <param name="Link">On which network.</param>
/// <param name="To">To whom; <see langword="null"/> for everybody there.</param>
/// <param name="Bytes">What.</param>
internal sealed record OutgoingPacket(int Link, IPEndPoint? To, byte[] Bytes);
