using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Crdt.Transport.Discovery.Mdns;

/// <summary>Port 5353, shared with others on this machine: one socket per family, on all networks that were joined.</summary>
internal sealed class MulticastSockets : IDisposable
{
    private static readonly IPAddress Group4 = IPAddress.Parse("224.0.0.251"), Group6 = IPAddress.Parse("ff02::fb");
    private static readonly TimeSpan ErrorPause = TimeSpan.FromMilliseconds(100);

    // As if from where RFC 6762, 11 wants it: no router has passed it on.
    private const short HopsMax = 255;

    private readonly Socket? v4;
    private readonly Socket? v6;
    private readonly HashSet<(int Index, AddressFamily Family)> joined = [];
    private int? loopback;

    /// <exception cref="WireException"><see cref="WireError.AddressUnavailable"/>: neither family is to be had.</exception>
    public MulticastSockets()
    {
        v4 = TryOpen(AddressFamily.InterNetwork, out SocketException? error);
        v6 = TryOpen(AddressFamily.InterNetworkV6, out _);
        if (v4 is null && v6 is null)
        {
            throw new WireException(
                WireError.AddressUnavailable,
                $"Port {MdnsCore.Port} for finding peers is not to be had: {error?.Message}.", error!);
        }
    }

    /// <summary>Takes a packet: where it came in, from whom, and its bytes, for the time of the call.</summary>
    public delegate void Receiver(int link, IPEndPoint source, ReadOnlySpan<byte> packet);

    /// <summary>Joins the networks that are new, and leaves those that are gone. Failures are tried again with the next call.
    /// </summary>
    public void Join(IReadOnlyList<LinkAddresses> links)
    {
        joined.RemoveWhere(j => !links.Any(l => l.Index == j.Index)); // the system has left them
        loopback = links.FirstOrDefault(l => l.IsLoopback)?.Index;
        foreach (LinkAddresses link in links)
        {
            if (v4 is not null && link.Has(AddressFamily.InterNetwork))
                TryJoin(v4, SocketOptionLevel.IP, link.Index, new MulticastOption(Group4, link.Index));
            // The loopback takes no multicast of IPv6.
            if (v6 is not null && !link.IsLoopback && link.Has(AddressFamily.InterNetworkV6))
                TryJoin(v6, SocketOptionLevel.IPv6, link.Index, new IPv6MulticastOption(Group6, link.Index));
        }
    }

    /// <summary>Sends; what cannot be sent is lost, as anything on a network. One call at a time.</summary>
    public void Send(OutgoingPacket packet)
    {
        if (packet.To is { } to)
        {
            TrySend(to.AddressFamily == AddressFamily.InterNetwork ? v4 : v6, packet.Bytes, to, null);
            return;
        }
        if (joined.Contains((packet.Link, AddressFamily.InterNetwork)))
            TrySend(v4, packet.Bytes, new IPEndPoint(Group4, MdnsCore.Port), packet.Link);
        if (joined.Contains((packet.Link, AddressFamily.InterNetworkV6)))
        {
            var scoped = new IPAddress(Group6.GetAddressBytes(), packet.Link);
            TrySend(v6, packet.Bytes, new IPEndPoint(scoped, MdnsCore.Port), packet.Link);
        }
    }

    /// <summary>Receives until it is cancelled.</summary>
    public Task ReceiveAsync(Receiver receiver, CancellationToken cancellationToken) => Task.WhenAll(
        new[] { v4, v6 }.OfType<Socket>().Select(socket => ReceiveAsync(socket, receiver, cancellationToken)));

    public void Dispose()
    {
        v4?.Dispose();
        v6?.Dispose();
    }

    private static Socket? TryOpen(AddressFamily family, out SocketException? error)
    {
        error = null;
        Socket? socket = null;
        try
        {
            bool is4 = family == AddressFamily.InterNetwork;
            SocketOptionLevel level = is4 ? SocketOptionLevel.IP : SocketOptionLevel.IPv6;
            socket = new Socket(family, SocketType.Dgram, ProtocolType.Udp);
            if (!is4)
                socket.DualMode = false;
            // On Linux this sets both reuse options, so that the system's own mDNS and other processes keep the port, too.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.SetSocketOption(level, SocketOptionName.PacketInformation, true);
            socket.SetSocketOption(level, SocketOptionName.MulticastTimeToLive, HopsMax);
            socket.SetSocketOption(level, SocketOptionName.MulticastLoopback, true);
            if (is4)
                socket.Ttl = HopsMax;
            if (OperatingSystem.IsLinux())
            {
                // IP_MULTICAST_ALL 49 and IPV6_MULTICAST_ALL 29: not what other sockets have joined.
                Span<byte> no = stackalloc byte[sizeof(int)];
                BinaryPrimitives.WriteInt32LittleEndian(no, 0);
                socket.SetRawSocketOption(is4 ? 0 : 41, is4 ? 49 : 29, no);
            }
            socket.Bind(new IPEndPoint(is4 ? IPAddress.Any : IPAddress.IPv6Any, MdnsCore.Port));
            return socket;
        }
        catch (SocketException e)
        {
            socket?.Dispose();
            error = e;
            return null;
        }
    }

    private void TryJoin(Socket socket, SocketOptionLevel level, int index, object membership)
    {
        if (!joined.Add((index, socket.AddressFamily)))
            return;
        try
        {
            socket.SetSocketOption(level, SocketOptionName.AddMembership, membership);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            // It went and came back, and the system has kept it.
        }
        catch (SocketException)
        {
            joined.Remove((index, socket.AddressFamily)); // it is on its way out, or not ready yet
        }
    }

    private void TrySend(Socket? socket, byte[] bytes, IPEndPoint to, int? link)
    {
        try
        {
            if (link is { } index && socket is not null)
            {
                bool is4 = socket.AddressFamily == AddressFamily.InterNetwork;
                // By its number, but the loopback by its address: else its packets have none to come from.
                socket.SetSocketOption(
                    is4 ? SocketOptionLevel.IP : SocketOptionLevel.IPv6, SocketOptionName.MulticastInterface,
                    !is4 ? index
                        : index == loopback ? BitConverter.ToInt32(IPAddress.Loopback.GetAddressBytes())
                        : IPAddress.HostToNetworkOrder(index));
            }
            socket?.SendTo(bytes, to);
        }
        catch (SocketException)
        {
            // The interface is going, or the queue is full: the protocol repeats what matters.
        }
        catch (ObjectDisposedException)
        {
            // Closed meanwhile.
        }
    }

    private static async Task ReceiveAsync(Socket socket, Receiver receiver, CancellationToken cancellationToken)
    {
        var buffer = new byte[DnsReader.LengthBytesMax];
        var any = new IPEndPoint(
            socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                SocketReceiveMessageFromResult got = await socket
                    .ReceiveMessageFromAsync(buffer, SocketFlags.None, any, cancellationToken).ConfigureAwait(false);
                if ((got.SocketFlags & SocketFlags.Truncated) == 0)
                {
                    receiver(
                        got.PacketInformation.Interface, (IPEndPoint)got.RemoteEndPoint,
                        buffer.AsSpan(0, got.ReceivedBytes));
                }
            }
            catch (SocketException)
            {
                // Such as an interface that went down: what comes after it is received again.
                await Task.Delay(ErrorPause, cancellationToken)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }
}
