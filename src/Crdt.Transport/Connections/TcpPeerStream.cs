using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;

namespace Crdt.Transport.Connections;

/// <summary>A connected socket as two pipes.</summary>
internal sealed class TcpPeerStream : IPeerStream
{
    // 64 KiB at once halves the cost of the default 4 KiB; waiting on a read of zero bytes takes no buffer at all,
    // so an idle connection holds none.
    private static readonly StreamPipeReaderOptions ReaderOptions =
        new(bufferSize: 64 << 10, minimumReadSize: 16 << 10, leaveOpen: true, useZeroByteReads: true);

    private static readonly StreamPipeWriterOptions WriterOptions =
        new(minimumBufferSize: 64 << 10, leaveOpen: true);

    // Belts to the session's own pings: the kernel's probes while idle, and its limit for unacknowledged data, which
    // the probes do not cover. Linux: IPPROTO_TCP 6, TCP_USER_TIMEOUT 18.
    private const int KeepAliveSeconds = 20;
    private const int UserTimeoutMs = 30_000;

    private readonly Socket socket;
    private readonly NetworkStream stream;

    public TcpPeerStream(Socket socket)
    {
        this.socket = socket;
        RemoteEndPoint = socket.RemoteEndPoint ?? new IPEndPoint(IPAddress.None, 0);
        Configure();
        stream = new NetworkStream(socket, ownsSocket: true);
        Input = PipeReader.Create(stream, ReaderOptions);
        Output = PipeWriter.Create(stream, WriterOptions);
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    public EndPoint RemoteEndPoint { get; }

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

    public async ValueTask DisposeAsync()
    {
        await Output.CompleteAsync().ConfigureAwait(false);
        await Input.CompleteAsync().ConfigureAwait(false);
        await stream.DisposeAsync().ConfigureAwait(false);
    }

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
