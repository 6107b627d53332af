using System.Buffers;
using Crdt.Transport.Frames;

namespace Crdt.Transport.Sessions;

/// <summary>Messages of a connection as pieces of compression streams: one stream for each space and direction, so that a
/// message is told by what was told before, and no space's content shows in the length of another's.</summary>
/// <remarks>The writer packs, the reader unpacks, a timer lets go of what is idle. WF-6.12, docs/decisions/0022.</remarks>
internal sealed class MessagePacking(TimeProvider time) : IDisposable
{
    /// <summary>Streams in each direction of a connection: what they take is bounded, further spaces go as they are.</summary>
    public const int StreamsMax = 8;

    /// <summary>A stream that was not used for so long is let go of by who sends, and begun anew with the next message.</summary>
    public static readonly TimeSpan IdleMax = TimeSpan.FromMinutes(5);

    private readonly Lock gate = new();
    private readonly Dictionary<int, MessagePacker> packers = [];
    private readonly Dictionary<int, MessageUnpacker> unpackers = [];
    private bool disposed;

    /// <summary>Whether the peer takes packed messages, and this side likes to send them.</summary>
    public bool IsAgreed { get; set; }

    /// <summary>Replaces the message at the end of the frame that is begun by a piece of its space's stream, where that is
    /// worth it.</summary>
    /// <param name="output">Where the frame is begun.</param>
    /// <param name="session">Whose message it is.</param>
    /// <param name="messageAt">Where the message begins, in bytes of <paramref name="output"/>.</param>
    /// <returns>The flags of the frame.</returns>
    public FrameFlags Pack(FrameBuffer output, SpaceSession session, int messageAt)
    {
        // Who has heard of the peer in this space knows that it has the space, and a session of it to unpack for.
        if (!IsAgreed || !session.HasHeard || !MessagePacker.IsWorthIt(output.Tail(messageAt)))
            return FrameFlags.None;
        lock (gate)
        {
            int channel = session.Channel.Number;
            if (disposed || (!packers.TryGetValue(channel, out MessagePacker? packer) && packers.Count == StreamsMax))
                return FrameFlags.None;
            if (packer is null)
                packers.Add(channel, packer = new MessagePacker());
            packer.UsedAt = time.GetTimestamp();
            ReadOnlySpan<byte> piece = packer.Pack(output.Tail(messageAt), out bool isAnew);
            output.Replace(messageAt, piece);
            return isAnew ? FrameFlags.Packed | FrameFlags.PackedAnew : FrameFlags.Packed;
        }
    }

    /// <summary>Lets go of the streams that have not been used for a while.</summary>
    public void ReleaseIdle()
    {
        lock (gate)
        {
            foreach (MessagePacker packer in packers.Values)
            {
                if (time.GetElapsedTime(packer.UsedAt) >= IdleMax)
                    packer.Release();
            }
        }
    }

    /// <summary>Unpacks a message.</summary>
    /// <param name="frame">Its frame.</param>
    /// <param name="channel">The peer's number of the space.</param>
    /// <param name="piece">The message as it came.</param>
    /// <param name="lengthBytesMax">The longest message that is taken.</param>
    /// <param name="peer">For the error's text.</param>
    /// <returns>The message, until the next call.</returns>
    /// <exception cref="WireException">It is no piece of a stream, or unpacks to too much.</exception>
    public ReadOnlySequence<byte> Unpack(
        in Frame frame, int channel, ReadOnlySequence<byte> piece, int lengthBytesMax, string peer)
    {
        bool isAnew = frame.Flags.HasFlag(FrameFlags.PackedAnew);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (!unpackers.TryGetValue(channel, out MessageUnpacker? unpacker))
            {
                if (!isAnew || unpackers.Count == StreamsMax)
                {
                    throw new WireException(
                        WireError.Malformed,
                        isAnew
                            ? $"{peer} began more than {StreamsMax} streams of packed messages."
                            : $"{peer} goes on with a stream of packed messages on channel {channel} that it has not begun.");
                }
                unpackers.Add(channel, unpacker = new MessageUnpacker());
            }
            try
            {
                return new ReadOnlySequence<byte>(unpacker.Unpack(piece, isAnew, lengthBytesMax));
            }
            catch (InvalidDataException e)
            {
                throw new WireException(
                    WireError.Malformed, $"A packed message from {peer} on channel {channel} cannot be unpacked: {e.Message}", e);
            }
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            foreach (MessagePacker packer in packers.Values)
                packer.Dispose();
            foreach (MessageUnpacker unpacker in unpackers.Values)
                unpacker.Dispose();
            packers.Clear();
            unpackers.Clear();
        }
    }
}
