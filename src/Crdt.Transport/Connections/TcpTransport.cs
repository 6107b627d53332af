using System.Net;
using System.Net.Sockets;

namespace Crdt.Transport.Connections;

/// <summary>TCP without encryption, and therefore within one machine only.</summary>
internal sealed class TcpTransport : IPeerTransport
{
    public async ValueTask<IPeerStream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
        Take(await Sockets.ConnectAsync(endPoint, loopbackOnly: true, cancellationToken).ConfigureAwait(false));

    public ValueTask<IPeerListener> ListenAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
        new(new TcpPeerListener(Sockets.Listen(endPoint, loopbackOnly: true), Take));

    private static TcpPeerStream Take(Socket socket) => new(socket);
}
