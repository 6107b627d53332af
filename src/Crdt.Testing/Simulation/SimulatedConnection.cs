using System.Buffers;
using System.Buffers.Binary;

namespace Crdt.Testing.Simulation;

/// <summary>One connection with a session at either end: two streams of bytes, in which each message is a frame of four
/// bytes of length and the message. What is about attachments has a bit set in its length.</summary>
internal sealed class SimulatedConnection(
    int id, SimulatedDevice a, SimulatedDevice b, LinkQuality quality, PlantedBug bug)
{
    private const int HeaderLengthBytes = 4;
    private const int BlobBit = int.MinValue;
    private const int SegmentsPerFrameMax = 4;

    // How often a planted bug shows: so seldom that most sessions are as they should be.
    private const int FramesPerBug = 40;

    private readonly Stream[] streams = [new(), new()];

    public int Id { get; } = id;

    public LinkQuality Quality { get; } = quality;

    public bool IsOpen { get; set; } = true;

    /// <summary>The sides: 0 is the one that dialled.</summary>
    public SimulatedDevice[] Devices { get; } = [a, b];

    public SyncSession[] Sessions { get; } = [new(a.Replica!, Options(id % 2)), new(b.Replica!, Options(id / 2 % 2))];

    /// <summary>The part that is about attachments, where there are any.</summary>
    public BlobExchange[] Blobs { get; set; } = [];

    // Teams are small: every second side tells its heads by parts.
    private static SyncSessionOptions Options(int number) => new() { WholeHeadsMax = number == 0 ? HeadSums.WholeMax : 2 };

    /// <summary>One direction, from the side of its number.</summary>
    private sealed class Stream
    {
        public byte[] Received { get; set; } = [];

        public int ReceivedLength { get; set; }

        public long Sent { get; set; }

        public int Frames { get; set; }

        public byte[]? HeldBack { get; set; }

        public long BusyUntilUs { get; set; }

        public long ArrivedUs { get; set; }

        public long StalledUntilUs { get; set; }

        public bool IsLookDue { get; set; }

        public long LaterLookUs { get; set; }

        public bool HasClock { get; set; }

        public bool IsWatchDue { get; set; }

        // Of what is being sent still, when that ends and how much of it is about attachments.
        public List<(long EndUs, int LengthBytes)> BlobFrames { get; } = [];
    }

    /// <summary>By the side: what attachments put on the way since it wrote something that nothing kept it from saying; none if
    /// there is no such thing.</summary>
    public Overtaking?[] Overtakings { get; } = new Overtaking?[2];

    /// <summary>Something that was written while a side had nothing else to say.</summary>
    /// <param name="SentBefore">How many mutations it had sent by then.</param>
    /// <param name="BlobBytesAhead">What of attachments was, or is, sent before it.</param>
    public readonly record struct Overtaking(long SentBefore, long BlobBytesAhead);

    /// <summary>How many bytes about attachments the side has handed over that have not left yet.</summary>
    public long UnsentBlobBytes(int side, long nowUs)
    {
        streams[side].BlobFrames.RemoveAll(f => f.EndUs <= nowUs);
        return streams[side].BlobFrames.Sum(f => (long)f.LengthBytes);
    }

    /// <summary>Takes note that the side is to look at what it waits for; says whether it was not.</summary>
    public bool TryAskWatch(int side)
    {
        bool isNew = !streams[side].IsWatchDue;
        streams[side].IsWatchDue = true;
        return isNew;
    }

    /// <summary>It looks.</summary>
    public void TakeWatch(int side) => streams[side].IsWatchDue = false;

    /// <summary>Time from which the side may send again.</summary>
    public long BusyUntilUs(int side) => streams[side].BusyUntilUs;

    /// <summary>When the last byte of what the side sent arrives.</summary>
    public long ArrivedUs(int side) => streams[side].ArrivedUs;

    /// <summary>Whether nothing is on its way.</summary>
    public bool IsQuiet(long nowUs) => streams[0].ArrivedUs <= nowUs && streams[1].ArrivedUs <= nowUs;

    /// <summary>Takes note that a look is due; says whether none was.</summary>
    public bool TryAskLook(int side)
    {
        bool isNew = !streams[side].IsLookDue;
        streams[side].IsLookDue = true;
        return isNew;
    }

    /// <summary>Takes note that a look is due at a later time, besides those that news bring.</summary>
    /// <returns>That time; <see langword="null"/> if one is due by then already.</returns>
    public long? TryAskLaterLook(int side, long nowUs, long atUs)
    {
        Stream stream = streams[side];
        if (stream.LaterLookUs > nowUs && stream.LaterLookUs <= atUs) return null;
        return stream.LaterLookUs = atUs;
    }

    /// <summary>The look takes place.</summary>
    public void TakeLook(int side) => streams[side].IsLookDue = false;

    /// <summary>Nothing from this side arrives before that time.</summary>
    public void Stall(int side, long untilUs) => streams[side].StalledUntilUs = Math.Max(streams[side].StalledUntilUs, untilUs);

    /// <summary>Whether the side hears of the peer's clock for the first time.</summary>
    public bool TakeClock(int side)
    {
        bool isFirst = !streams[side].HasClock;
        streams[side].HasClock = true;
        return isFirst;
    }

    /// <summary>Puts a message on its way.</summary>
    /// <param name="side">Who sends.</param>
    /// <param name="message">The message.</param>
    /// <param name="nowUs">Virtual time.</param>
    /// <param name="schedule">Takes what arrives when; <see langword="null"/> for the end of the connection.</param>
    /// <param name="isBlob">Whether it is about attachments.</param>
    public void Send(int side, ReadOnlySpan<byte> message, long nowUs, Action<long, byte[]?> schedule, bool isBlob = false)
    {
        Stream stream = streams[side];
        byte[] frame = new byte[HeaderLengthBytes + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, message.Length | (isBlob ? BlobBit : 0));
        message.CopyTo(frame.AsSpan(HeaderLengthBytes));
        bool isBugDue = bug is PlantedBug.NetworkLoses or PlantedBug.NetworkCorrupts or PlantedBug.NetworkReorders && (++stream.Frames + (7 * Id)) % FramesPerBug == 0;
        if (isBugDue && bug == PlantedBug.NetworkLoses) return;
        if (isBugDue && bug == PlantedBug.NetworkCorrupts) frame[HeaderLengthBytes + (message.Length / 2)] ^= 4;
        if (isBugDue && bug == PlantedBug.NetworkReorders && stream.HeldBack is null)
        {
            stream.HeldBack = frame;
            return;
        }
        Send(side, frame, nowUs, schedule);
        stream.BlobFrames.RemoveAll(f => f.EndUs <= nowUs);
        if (isBlob) stream.BlobFrames.Add((stream.BusyUntilUs, frame.Length));
        if (stream.HeldBack is not { } late) return;
        stream.HeldBack = null;
        Send(side, late, nowUs, schedule);
    }

    private void Send(int side, byte[] frame, long nowUs, Action<long, byte[]?> schedule)
    {
        Stream stream = streams[side];
        long limit = side == 0 ? Quality.CutAfterForth : Quality.CutAfterBack;
        int carried = limit == 0 ? frame.Length : (int)Math.Clamp(limit - stream.Sent, 0, frame.Length);
        int segment = Quality.SegmentLengthBytes == 0 ? frame.Length
            : Math.Max(Quality.SegmentLengthBytes, (frame.Length + SegmentsPerFrameMax - 1) / SegmentsPerFrameMax);
        stream.BusyUntilUs = Math.Max(stream.BusyUntilUs, nowUs);
        for (int at = 0; at < carried; at += segment)
        {
            int length = Math.Min(segment, carried - at);
            schedule(Arrival(stream, length), length == frame.Length ? frame : frame.AsSpan(at, length).ToArray());
        }
        stream.Sent += carried;
        if (carried < frame.Length) schedule(Arrival(stream, 1), null);
    }

    /// <summary>Takes bytes that arrive, and hands on each frame that is complete.</summary>
    /// <returns>The messages, in order.</returns>
    public IEnumerable<(bool IsBlob, ReadOnlyMemory<byte> Message)> Receive(int side, byte[] bytes)
    {
        Stream stream = streams[side];
        if (stream.ReceivedLength == 0 && bytes.Length >= HeaderLengthBytes
            && (BinaryPrimitives.ReadInt32BigEndian(bytes) & ~BlobBit) == bytes.Length - HeaderLengthBytes)
        {
            yield return (BinaryPrimitives.ReadInt32BigEndian(bytes) < 0, bytes.AsMemory(HeaderLengthBytes));
            yield break;
        }
        if (stream.Received.Length < stream.ReceivedLength + bytes.Length)
        {
            byte[] larger = new byte[Math.Max(2 * stream.Received.Length, stream.ReceivedLength + bytes.Length)];
            stream.Received.AsSpan(0, stream.ReceivedLength).CopyTo(larger);
            stream.Received = larger;
        }
        bytes.CopyTo(stream.Received, stream.ReceivedLength);
        stream.ReceivedLength += bytes.Length;
        int from = 0;
        while (IsOpen && stream.ReceivedLength - from >= HeaderLengthBytes)
        {
            int header = BinaryPrimitives.ReadInt32BigEndian(stream.Received.AsSpan(from)), length = header & ~BlobBit;
            if (stream.ReceivedLength - from - HeaderLengthBytes < length) break;
            // A copy: what is being received must not change under whoever reads it.
            byte[] message = stream.Received.AsSpan(from + HeaderLengthBytes, length).ToArray();
            from += HeaderLengthBytes + length;
            yield return (header < 0, message);
        }
        stream.ReceivedLength -= from;
        stream.Received.AsSpan(from, stream.ReceivedLength).CopyTo(stream.Received);
    }

    private long Arrival(Stream stream, int lengthBytes)
    {
        stream.BusyUntilUs += (lengthBytes * 1_000_000L / Quality.BytesPerSecond) + 1;
        long arrives = Math.Max(stream.BusyUntilUs, stream.StalledUntilUs) + Quality.LatencyUs;
        return stream.ArrivedUs = Math.Max(stream.ArrivedUs, arrives);
    }
}
