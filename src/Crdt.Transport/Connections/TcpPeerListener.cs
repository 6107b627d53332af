using System.Net;
using System.Net.Sockets;

namespace Crdt.Transport.Connections;

/// <summary>A listening socket.</summary>
/// <param name="socket">It, bound and listening; owned from here on.</param>
/// <param name="take">Makes a stream of an accepted socket.</param>
internal sealed class TcpPeerListener(Socket socket, Func<Socket, IPeerStream> take) : IPeerListener
{
    private volatile bool disposed;

    public EndPoint LocalEndPoint { get; } = socket.LocalEndPoint!;

    public async ValueTask<IPeerStream?> AcceptAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Socket? accepted = null;
            try
            {
                accepted = await socket.AcceptAsync(cancellationToken).ConfigureAwait(false);
                return take(accepted);
            }
            catch (Exception e) when (accepted is not null && e is SocketException or IOException)
            {
                accepted.Dispose(); // gone before it was taken: the next one
            }
            catch (Exception e) when (disposed && e is SocketException or ObjectDisposedException)
            {
                return null;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset
                or SocketError.ConnectionAborted or SocketError.NotConnected)
            {
                // Gone before it reached us: the next one.
            }
            catch (SocketException e)
            {
                throw new WireException(
                    WireError.LocalFailure, $"A connection to {LocalEndPoint} could not be taken: {e.Message}.", e);
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        disposed = true;
        socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
