using Crdt.Transport.Frames;
using Crdt.Transport.Sessions;

namespace Crdt.Transport.Pairing;

/// <summary>One side of a pairing: whole steps, one after the other.</summary>
internal readonly struct PairChannel(FramedConnection frames)
{
    public string Peer => frames.Peer;

    public ValueTask SendAsync(PairMessage message, CancellationToken cancellationToken)
    {
        PairFormat.Write(frames.Outgoing, message);
        return frames.FlushAsync(cancellationToken);
    }

    /// <summary>Waits for the step that is due.</summary>
    /// <exception cref="WireException">Another one came, or the other side has ended it.</exception>
    public async ValueTask<T> ReceiveAsync<T>(CancellationToken cancellationToken)
        where T : PairMessage => await ReceiveAsync(cancellationToken).ConfigureAwait(false) as T
        ?? throw new WireException(WireError.UnexpectedFrame, $"{Peer} sent another step of pairing than the one that is due.");

    public async ValueTask<PairMessage> ReceiveAsync(CancellationToken cancellationToken)
    {
        Frame frame = await frames.ReadAsync(cancellationToken).ConfigureAwait(false)
            ?? throw new WireException(WireError.Lost, $"{Peer} closed the connection before the pairing was done.");
        PairMessage message = frame.Type switch
        {
            FrameType.Pair => PairFormat.Read(frame, Peer),
            FrameType.Reject or FrameType.Bye => throw MessageFormat.ToException(MessageFormat.ReadFarewell(frame, Peer), Peer),
            _ => throw new WireException(WireError.UnexpectedFrame, $"{Peer} sent a {frame.Type} frame while being paired."),
        };
        frames.Advance();
        return message;
    }
}
