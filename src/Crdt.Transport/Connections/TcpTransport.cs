using System.Net;
using System.Net.Sockets;

namespace Crdt.Transport.Connections;

/// <summary>TCP without encryption, and therefore within one machine only.</summary>
internal sealed class TcpTransport : IPeerTransport
{
    // Connections that completed in the kernel and were not taken yet; more are refused by it.
    private const int ListenQueue = 128;

    public async ValueTask<IPeerStream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        try
        {
            IPEndPoint[] candidates = await ResolveAsync(endPoint, cancellationToken).ConfigureAwait(false);
            return await ConnectAsync(candidates, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException e)
        {
            throw new WireException(WireError.Unreachable, $"{endPoint} cannot be reached: {e.Message}.", e);
        }
    }

    public ValueTask<IPeerListener> ListenAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        if (endPoint is not IPEndPoint address)
            throw new ArgumentException("To listen takes an IP address and a port.", nameof(endPoint));
        if (!IPAddress.IsLoopback(address.Address))
            throw NotLoopback("listened on", address);

        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address);
            socket.Listen(ListenQueue);
            return new ValueTask<IPeerListener>(new TcpPeerListener(socket));
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new WireException(WireError.AddressUnavailable, $"{address} cannot be listened on: {e.Message}.", e);
        }
    }

    private static async ValueTask<IPeerStream> ConnectAsync(
        IPEndPoint[] candidates, CancellationToken cancellationToken)
    {
        for (int i = 0; ; i++)
        {
            var socket = new Socket(candidates[i].AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(candidates[i], cancellationToken).ConfigureAwait(false);
                return new TcpPeerStream(socket);
            }
            catch (SocketException) when (i < candidates.Length - 1)
            {
                socket.Dispose(); // the name has another address
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    private static async ValueTask<IPEndPoint[]> ResolveAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        IPEndPoint[] candidates = endPoint switch
        {
            IPEndPoint address => [address],
            DnsEndPoint name => [.. (await Dns.GetHostAddressesAsync(name.Host, name.AddressFamily, cancellationToken)
                .ConfigureAwait(false)).Select(address => new IPEndPoint(address, name.Port))],
            _ => throw new ArgumentException("To dial takes an IP address or a name, and a port.", nameof(endPoint)),
        };
        IPEndPoint[] loopback = [.. candidates.Where(candidate => IPAddress.IsLoopback(candidate.Address))];
        return loopback.Length > 0 ? loopback : throw NotLoopback("dialled", endPoint);
    }

    private static WireException NotLoopback(string what, EndPoint endPoint) => new(
        WireError.NotLoopback,
        $"{endPoint} cannot be {what}: nodes cannot prove who they are yet, and nothing is encrypted, so connections "
        + "stay within one machine (127.0.0.1, ::1 or localhost).");
}
