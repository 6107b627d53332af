using System.Net;
using System.Net.Sockets;

namespace Crdt.Transport.Connections;

/// <summary>TCP without encryption, and therefore within one machine only.</summary>
internal sealed class TcpTransport : IPeerTransport
{
    public ValueTask<IPeerStream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
        Sockets.ConnectAsync(endPoint, loopbackOnly: true, Take, cancellationToken);

    public ValueTask<IPeerListener> ListenAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
        new(new TcpPeerListener(Sockets.Listen(endPoint, loopbackOnly: true), Take));

    private static TcpPeerStream Take(Socket socket) => new(socket);
}
