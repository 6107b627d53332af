using System.Net;
using System.Net.Sockets;
using Crdt.Transport.Discovery;

namespace Crdt.Transport.Connections;

/// <summary>Dials and listens, for transports that differ in what they do with a socket.</summary>
internal static class Sockets
{
    // Connections that completed in the kernel and were not taken yet; more are refused by it.
    private const int ListenQueue = 128;

    private static readonly TimeSpan AddressStagger = TimeSpan.FromMilliseconds(250);

    /// <summary>Dials; a name at each of its addresses in turn.</summary>
    /// <param name="endPoint">An address or a name, and a port.</param>
    /// <param name="loopbackOnly">Whether to stay within this machine.</param>
    /// <param name="take">Makes a stream of the connected socket.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="WireException"><see cref="WireError.Unreachable"/>, also where the connection is gone before it can be
    /// taken; or <see cref="WireError.NotLoopback"/>.</exception>
    public static async ValueTask<IPeerStream> ConnectAsync(
        EndPoint endPoint, bool loopbackOnly, Func<Socket, IPeerStream> take, CancellationToken cancellationToken)
    {
        Socket? connected = null;
        try
        {
            IPEndPoint[] candidates = await ResolveAsync(endPoint, cancellationToken).ConfigureAwait(false);
            if (loopbackOnly)
            {
                candidates = [.. candidates.Where(candidate => IPAddress.IsLoopback(candidate.Address))];
                if (candidates.Length == 0)
                    throw NotLoopback("dialled", endPoint);
            }
            connected = await ConnectAsync(candidates, cancellationToken).ConfigureAwait(false);
            return take(connected);
        }
        catch (Exception e) when (e is SocketException || (e is IOException && connected is not null)) // as a stream over it says it
        {
            connected?.Dispose();
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

    // Each address begins a moment after the one before, and the first that answers is it: one that nobody answers at does
    // not take the time of the others.
    private static async ValueTask<Socket> ConnectAsync(IPEndPoint[] candidates, CancellationToken cancellationToken)
    {
        using var decided = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = new List<Task<Socket>>();
        Socket? connected = null;
        try
        {
            for (int next = 0; ;)
            {
                if (next < candidates.Length)
                    running.Add(ConnectAsync(candidates[next++], decided.Token));
                bool isLast = next == candidates.Length;
                Task pause = Task.Delay(isLast ? Timeout.InfiniteTimeSpan : AddressStagger, decided.Token);
                Task first = await Task.WhenAny([pause, .. running]).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                if (first is not Task<Socket> ended)
                    continue;
                running.Remove(ended);
                try
                {
                    return connected = await ended.ConfigureAwait(false);
                }
                catch (SocketException) when (!isLast || running.Count > 0)
                {
                    // There is another address.
                }
            }
        }
        finally
        {
            await decided.CancelAsync().ConfigureAwait(false);
            foreach (Task<Socket> attempt in running)
                _ = attempt.ContinueWith(late => Drop(late, connected), TaskScheduler.Default);
        }
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint candidate, CancellationToken cancellationToken)
    {
        var socket = new Socket(candidate.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(candidate, cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static void Drop(Task<Socket> late, Socket? kept)
    {
        if (late.IsCompletedSuccessfully && late.Result != kept)
            late.Result.Dispose();
        _ = late.Exception; // seen
    }

    private static async ValueTask<IPEndPoint[]> ResolveAsync(EndPoint endPoint, CancellationToken cancellationToken) =>
        endPoint switch
        {
            IPEndPoint address => [address],
            NearbyEndPoint { Candidates: { Count: > 0 } known } => [.. known],
            NearbyEndPoint => throw new SocketException((int)SocketError.HostNotFound),
            DnsEndPoint name => [.. (await Dns.GetHostAddressesAsync(name.Host, name.AddressFamily, cancellationToken)
                .ConfigureAwait(false)).Select(address => new IPEndPoint(address, name.Port))],
            _ => throw new ArgumentException("To dial takes an IP address or a name, and a port.", nameof(endPoint)),
        };

    private static WireException NotLoopback(string what, EndPoint endPoint) => new(
        WireError.NotLoopback,
        $"{endPoint} cannot be {what} without encryption: that stays within one machine (127.0.0.1, ::1 or "
        + "localhost).");
}
