using System.Net;
using System.Net.Sockets;

namespace Crdt.Transport.Connections;

/// <summary>Dials and listens, for transports that differ in what they do with a socket.</summary>
internal static class Sockets
{
    // Connections that completed in the kernel and were not taken yet; more are refused by it.
    private const int ListenQueue = 128;

    /// <summary>Dials; a name at each of its addresses in turn.</summary>
    /// <param name="endPoint">An address or a name, and a port.</param>
    /// <param name="loopbackOnly">Whether to stay within this machine.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="WireException"><see cref="WireError.Unreachable"/> or <see cref="WireError.NotLoopback"/>.
    /// </exception>
    public static async ValueTask<Socket> ConnectAsync(
        EndPoint endPoint, bool loopbackOnly, CancellationToken cancellationToken)
    {
        try
        {
            IPEndPoint[] candidates = await ResolveAsync(endPoint, cancellationToken).ConfigureAwait(false);
            if (loopbackOnly)
            {
                candidates = [.. candidates.Where(candidate => IPAddress.IsLoopback(candidate.Address))];
                if (candidates.Length == 0)
                    throw NotLoopback("dialled", endPoint);
            }
            return await ConnectAsync(candidates, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException e)
        {
            throw new WireException(WireError.Unreachable, $"{endPoint} cannot be reached: {e.Message}.", e);
        }
    }

    /// <summary>Listens; from the return on, those who dial are queued.</summary>
    /// <exception cref="WireException"><see cref="WireError.AddressUnavailable"/> or <see
    /// cref="WireError.NotLoopback"/>.</exception>
    public static Socket Listen(EndPoint endPoint, bool loopbackOnly)
    {
        if (endPoint is not IPEndPoint address)
            throw new ArgumentException("To listen takes an IP address and a port.", nameof(endPoint));
        if (loopbackOnly && !IPAddress.IsLoopback(address.Address))
            throw NotLoopback("listened on", address);

        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.Address.Equals(IPAddress.IPv6Any))
                socket.DualMode = true; // both families at once
            socket.Bind(address);
            socket.Listen(ListenQueue);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new WireException(WireError.AddressUnavailable, $"{address} cannot be listened on: {e.Message}.", e);
        }
    }

    private static async ValueTask<Socket> ConnectAsync(IPEndPoint[] candidates, CancellationToken cancellationToken)
    {
        for (int i = 0; ; i++)
        {
            var socket = new Socket(candidates[i].AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(candidates[i], cancellationToken).ConfigureAwait(false);
                return socket;
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

    private static async ValueTask<IPEndPoint[]> ResolveAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
        endPoint switch
        {
            IPEndPoint address => [address],
            DnsEndPoint name => [.. (await Dns.GetHostAddressesAsync(name.Host, name.AddressFamily, cancellationToken)
                .ConfigureAwait(false)).Select(address => new IPEndPoint(address, name.Port))],
            _ => throw new ArgumentException("To dial takes an IP address or a name, and a port.", nameof(endPoint)),
        };

    private static WireException NotLoopback(string what, EndPoint endPoint) => new(
        WireError.NotLoopback,
        $"{endPoint} cannot be {what} without encryption: that stays within one machine (127.0.0.1, ::1 or "
        + "localhost).");
}
