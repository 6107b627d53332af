using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;

namespace Crdt.Transport.Connections;

/// <summary>A connected socket as two pipes.</summary>
internal sealed class TcpPeerStream : IPeerStream
{
    private readonly PeerSocket socket;

    public TcpPeerStream(Socket socket)
    {
        this.socket = new PeerSocket(socket);
        Input = PipeReader.Create(this.socket.Stream, PeerSocket.ReaderOptions);
        Output = PipeWriter.Create(this.socket.Stream, PeerSocket.WriterOptions);
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    public EndPoint RemoteEndPoint => socket.RemoteEndPoint;

    public void Abort() => socket.Abort();

    public async ValueTask DisposeAsync()
    {
        await Output.CompleteAsync().ConfigureAwait(false);
        await Input.CompleteAsync().ConfigureAwait(false);
        await socket.DisposeAsync().ConfigureAwait(false);
    }
}
