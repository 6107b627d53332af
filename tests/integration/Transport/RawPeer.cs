using System.Buffers;
using System.Net;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Crdt.Transport.Frames;
using Crdt.Transport.Sessions;

namespace Crdt.Integration.Transport;

/// <summary>The other end of a connection, byte by byte, for what no node of ours would send.</summary>
internal sealed class RawPeer : IAsyncDisposable
{
    private readonly IPeerStream stream;

    private RawPeer(IPeerStream stream)
    {
        this.stream = stream;
        Frames = new FramedConnection(stream, TimeProvider.System) { Greeted = true };
    }

    public FramedConnection Frames { get; }

    public static async Task<RawPeer> DialAsync(IPeerTransport transport, EndPoint endPoint)
    {
        IPeerStream stream = await transport.ConnectAsync(endPoint, CancellationToken.None);
        await stream.OpenAsync(CancellationToken.None);
        return new RawPeer(stream);
    }

    public static async Task<RawPeer> AcceptAsync(IPeerListener listener) =>
        new((await listener.AcceptAsync(CancellationToken.None))!);

    public static Hello Hello(PeerNode node, Guid? self = null, ulong connectionId = 77) => new()
    {
        VersionMin = MessageFormat.Version,
        VersionMax = MessageFormat.Version,
        NodeId = self ?? Guid.NewGuid(),
        BootNonce = 70,
        ConnectionId = connectionId,
        WallClockMs = 0,
        DataLengthBytesMax = FrameFormat.DataLengthBytesMax,
        Spaces = [.. node.Spaces.Select((space, i) => new SpaceChannel(i, space))],
        Holds = [],
    };

    /// <summary>Greets, and takes the answer.</summary>
    public async Task<Hello> GreetAsync(Hello hello)
    {
        await SendAsync(frames => MessageFormat.WriteHello(frames, hello));
        Frame answer = await ReadAsync(FrameType.Hello);
        return MessageFormat.ReadHello(answer, "the node");
    }

    public async Task SendAsync(Action<FrameBuffer> write)
    {
        write(Frames.Outgoing);
        await Frames.FlushAsync(CancellationToken.None);
    }

    public Task SendAsync(FrameType type, params byte[] payload) => SendAsync(frames =>
    {
        frames.Begin(type);
        frames.Write(payload);
        frames.Commit();
    });

    public async Task SendBytesAsync(params byte[] bytes) => await stream.Output.WriteAsync(bytes);

    /// <summary>Reads up to a frame of that type; others are passed over.</summary>
    public async Task<Frame> ReadAsync(FrameType type)
    {
        while (true)
        {
            Frames.Advance();
            Frame? frame = await Frames.ReadAsync(CancellationToken.None).AsTask().WaitAsync(Mesh.Deadline);
            Assert.NotNull(frame);
            if (frame.Value.Type == type)
                return frame.Value;
        }
    }

    /// <summary>Reads what the node says before it ends the connection.</summary>
    public async Task<Farewell> ReadFarewellAsync(FrameType type) =>
        MessageFormat.ReadFarewell(await ReadAsync(type), "the node");

    /// <summary>Reads to the end of the stream.</summary>
    public async Task ReadToEndAsync()
    {
        try
        {
            await Frames.DrainAsync(CancellationToken.None).AsTask().WaitAsync(Mesh.Deadline);
        }
        catch (WireException e) when (e.Error == WireError.Lost)
        {
            // Reset: an end as well.
        }
    }

    public async ValueTask DisposeAsync()
    {
        Frames.Dispose();
        await stream.DisposeAsync();
    }
}
