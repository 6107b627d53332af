using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;

namespace Crdt.Transport.Frames;

/// <summary>Frames over a duplex pipe, with the counts and times that the watch over the connection needs.</summary>
/// <remarks>One reader and one writer at a time. What the pipe throws comes out as <see cref="WireException"/> with
/// <see cref="WireError.Lost"/>; cancellation passes untouched.</remarks>
internal sealed class FramedConnection(IDuplexPipe pipe, TimeProvider time) : IDisposable
{
    /// <summary>Frames wait for each other until so many bytes go out at once.</summary>
    public const int FlushLengthBytes = 64 << 10;

    private readonly long createdAt = time.GetTimestamp();
    private SequencePosition? consumed;
    private long unreadBytes;
    private long bytesReceived;
    private long bytesSent;
    private long receivedAt;
    private long sentAt;
    private long frameBegunAt;
    private long frameBegunBytes;
    private long flushBegunAt;

    /// <summary>Whom the other side is called in errors.</summary>
    public string Peer { get; set; } = "the peer";

    /// <summary>Whether the greeting is done, and so the larger caps apply.</summary>
    public bool Greeted { get; set; }

    /// <summary>Where frames are composed; <see cref="FlushAsync"/> sends them.</summary>
    public FrameBuffer Outgoing { get; } = new();

    public long BytesReceived => Volatile.Read(ref bytesReceived);

    public long BytesSent => Volatile.Read(ref bytesSent);

    /// <summary>When bytes last came (timestamp of the time provider); at first, when the connection was made.
    /// </summary>
    public long ReceivedAt => Volatile.Read(ref receivedAt) is not 0 and long at ? at : createdAt;

    /// <summary>When bytes last left.</summary>
    public long SentAt => Volatile.Read(ref sentAt) is not 0 and long at ? at : createdAt;

    /// <summary>When the frame that is being received began; 0 between frames.</summary>
    public long FrameBegunAt => Volatile.Read(ref frameBegunAt);

    /// <summary>Bytes that came since <see cref="FrameBegunAt"/>.</summary>
    public long FrameBytes => BytesReceived - Volatile.Read(ref frameBegunBytes);

    /// <summary>When the piece that is being sent was handed to the pipe; 0 while nothing is.</summary>
    public long FlushBegunAt => Volatile.Read(ref flushBegunAt);

    /// <summary>Waits for the next frame. <see cref="Advance"/> it before the next call.</summary>
    /// <returns><see langword="null"/> at the end of the stream, between two frames.</returns>
    /// <exception cref="WireException">A limit was broken, the stream ended inside a frame, or the pipe failed.
    /// After a broken limit only <see cref="DrainAsync"/> makes sense.</exception>
    public async ValueTask<Frame?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                ReadResult result = await pipe.Input.ReadAsync(cancellationToken).ConfigureAwait(false);
                ReadOnlySequence<byte> buffer = result.Buffer;
                CountReceived(buffer.Length);
                consumed = buffer.End; // what stands if the frame is refused
                if (FrameFormat.TryRead(buffer, Greeted, Peer, out Frame frame))
                {
                    consumed = frame.Payload.End;
                    unreadBytes = buffer.Length - FrameFormat.HeaderLengthBytes - frame.Payload.Length;
                    Volatile.Write(ref frameBegunAt, 0);
                    return frame;
                }
                if (result.IsCompleted)
                    return buffer.IsEmpty ? null : throw Truncated(buffer.Length);

                if (!buffer.IsEmpty && FrameBegunAt == 0)
                {
                    Volatile.Write(ref frameBegunBytes, BytesReceived - buffer.Length);
                    Volatile.Write(ref frameBegunAt, time.GetTimestamp());
                }
                unreadBytes = buffer.Length;
                consumed = null;
                pipe.Input.AdvanceTo(buffer.Start, buffer.End);
            }
        }
        catch (Exception e) when (IsLoss(e))
        {
            throw Lost(e);
        }
    }

    /// <summary>Gives the last frame's buffer back; nothing when there is none.</summary>
    public void Advance()
    {
        if (consumed is SequencePosition position)
            pipe.Input.AdvanceTo(position);
        consumed = null;
    }

    /// <summary>Reads and drops bytes to the end of the stream.</summary>
    public async ValueTask DrainAsync(CancellationToken cancellationToken)
    {
        try
        {
            Advance();
            while (true)
            {
                ReadResult result = await pipe.Input.ReadAsync(cancellationToken).ConfigureAwait(false);
                CountReceived(result.Buffer.Length);
                unreadBytes = 0;
                pipe.Input.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                    return;
            }
        }
        catch (Exception e) when (IsLoss(e))
        {
            throw Lost(e);
        }
    }

    /// <summary>Sends the frames composed in <see cref="Outgoing"/>, in pieces, waiting while the peer does not
    /// take them.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        try
        {
            for (ReadOnlyMemory<byte> rest = Outgoing.Written; !rest.IsEmpty;)
            {
                ReadOnlyMemory<byte> piece = rest[..Math.Min(rest.Length, FlushLengthBytes)];
                Volatile.Write(ref flushBegunAt, time.GetTimestamp());
                FlushResult result = await pipe.Output.WriteAsync(piece, cancellationToken).ConfigureAwait(false);
                Volatile.Write(ref flushBegunAt, 0);
                if (result.IsCompleted)
                    throw new WireException(WireError.Lost, $"{Peer} closed the connection while being sent to.");
                Volatile.Write(ref bytesSent, bytesSent + piece.Length);
                Volatile.Write(ref sentAt, time.GetTimestamp());
                rest = rest[piece.Length..];
            }
            Outgoing.Clear();
        }
        catch (Exception e) when (IsLoss(e))
        {
            throw Lost(e);
        }
    }

    /// <summary>Gives the outgoing memory back. The pipe belongs to the caller.</summary>
    public void Dispose() => Outgoing.Dispose();

    /// <summary>Whether that is how a stream fails; a pipe whose end was completed by an abort says "invalid
    /// operation".</summary>
    public static bool IsLoss(Exception e) => e is IOException or SocketException or InvalidOperationException;

    private void CountReceived(long bufferLengthBytes)
    {
        long fresh = bufferLengthBytes - unreadBytes;
        unreadBytes = bufferLengthBytes;
        if (fresh <= 0)
            return;
        Volatile.Write(ref bytesReceived, bytesReceived + fresh);
        Volatile.Write(ref receivedAt, time.GetTimestamp());
    }

    private WireException Truncated(long lengthBytes) => new(
        WireError.Truncated, $"The connection to {Peer} ended inside a frame, {lengthBytes} bytes into it.");

    private WireException Lost(Exception cause) =>
        new(WireError.Lost, $"The connection to {Peer} was lost: {cause.Message}", cause);
}
