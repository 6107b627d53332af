using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;

namespace Crdt.Transport.Connections;

/// <summary>A connected socket, set up for sessions: at once sent, watched by the kernel, reset by an abort.</summary>
internal sealed class PeerSocket : IAsyncDisposable
{
    /// <summary>64 KiB at once halves the cost of the default 4 KiB; waiting on a read of zero bytes takes no buffer at
    /// all, so an idle connection holds none.</summary>
    public static readonly StreamPipeReaderOptions ReaderOptions =
        new(bufferSize: 64 << 10, minimumReadSize: 16 << 10, leaveOpen: true, useZeroByteReads: true);

    /// <summary>Large pieces, for the same reason.</summary>
    public static readonly StreamPipeWriterOptions WriterOptions =
        new(minimumBufferSize: 64 << 10, leaveOpen: true);

    // Belts to the session's own pings: the kernel's probes while idle, and its limit for unacknowledged data, which
    // the probes do not cover. Linux: IPPROTO_TCP 6, TCP_USER_TIMEOUT 18.
    private const int KeepAliveSeconds = 20;
    private const int UserTimeoutMs = 30_000;

    private readonly Socket socket;

    public PeerSocket(Socket socket)
    {
        this.socket = socket;
        RemoteEndPoint = socket.RemoteEndPoint ?? new IPEndPoint(IPAddress.None, 0);
        Configure();
        Stream = new NetworkStream(socket, ownsSocket: true);
    }

    public NetworkStream Stream { get; }

    public EndPoint RemoteEndPoint { get; }

    /// <summary>Ends both directions at once, from any thread; again does nothing.</summary>
    public void Abort()
    {
        try
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0); // a reset: the peer knows at once
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is gone already.
        }
        socket.Dispose();
    }

    public ValueTask DisposeAsync() => Stream.DisposeAsync();

    private void Configure()
    {
        socket.NoDelay = true; // the session gathers what goes out together
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, KeepAliveSeconds / 4);
        if (!OperatingSystem.IsLinux())
            return;
        Span<byte> value = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(value, UserTimeoutMs);
        socket.SetRawSocketOption(6, 18, value);
    }
}
