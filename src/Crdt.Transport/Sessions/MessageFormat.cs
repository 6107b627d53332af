using System.Buffers;
using System.Text;
using Crdt.Transport.Frames;
using Crdt.Transport.Lanes;
using MessagePack;

namespace Crdt.Transport.Sessions;

/// <summary>Content of the control frames, in MessagePack: arrays whose further elements, of later versions, are
/// skipped.</summary>
/// <remarks>Reading has one documented error, <see cref="WireError.Malformed"/>, and allocates for nothing that is
/// only announced. WF-6.3 to WF-6.8.</remarks>
internal static class MessageFormat
{
    /// <summary>The protocol version this code speaks.</summary>
    public const int Version = 1;

    /// <summary>Spaces in one greeting: with everything else they stay below its 4 KiB. More follow in <c>spaces</c>
    /// frames.</summary>
    public const int HelloSpacesMax = 100;

    /// <summary>Spaces in a greeting that shows an access token.</summary>
    public const int HelloSpacesWithTokenMax = 40;

    /// <summary>An access token in a greeting.</summary>
    public const int AccessTokenLengthMax = 2_048;

    /// <summary>Connections listed in one greeting.</summary>
    public const int HoldsMax = 16;

    /// <summary>Spaces in one <c>spaces</c> frame.</summary>
    public const int SpacesMax = 1_000;

    /// <summary>Channels that one side may declare on a connection.</summary>
    public const int ChannelsMax = 4_096;

    /// <summary>Spaces in one <c>lanes</c> frame.</summary>
    public const int LanesMax = ChannelsMax;

    /// <summary>Text of a <c>reject</c> or <c>bye</c>.</summary>
    public const int TextLengthBytesMax = 512;

    private const int GuidLengthBytes = 16;
    private const int HelloElements = 10;

    // What the sender of a greeting takes beside the rest, in its eleventh element.
    private const uint PackedMessages = 1;

    private delegate T Decoder<out T>(ref MessagePackReader reader, ref int elements);

    public static void WriteHello(FrameBuffer output, Hello hello)
    {
        output.Begin(FrameType.Hello);
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(hello.TakesPacked ? HelloElements + 1 : HelloElements);
        writer.Write(hello.VersionMin);
        writer.Write(hello.VersionMax);
        WriteGuid(ref writer, hello.NodeId);
        writer.Write(hello.BootNonce);
        writer.Write(hello.ConnectionId);
        writer.Write(hello.WallClockMs);
        writer.Write(hello.DataLengthBytesMax);
        WriteSpaces(ref writer, hello.Spaces);
        if (hello.Holds is null)
        {
            writer.WriteNil();
        }
        else
        {
            writer.WriteArrayHeader(hello.Holds.Count);
            foreach (ulong id in hello.Holds)
                writer.Write(id);
        }
        WriteCredentials(ref writer, hello.Asks, hello.AccessToken);
        if (hello.TakesPacked)
            writer.Write(PackedMessages);
        writer.Flush();
        output.Commit();
    }

    public static Hello ReadHello(in Frame frame, string peer) => Decode(frame, peer, HelloElements, ReadHello);

    public static void WriteFarewell(FrameBuffer output, FrameType type, Farewell farewell)
    {
        output.Begin(type);
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(3);
        writer.Write((int)farewell.Error);
        writer.Write(farewell.Detail);
        writer.WriteString(Utf8Prefix(farewell.Text));
        writer.Flush();
        output.Commit();
    }

    public static Farewell ReadFarewell(in Frame frame, string peer) => Decode(frame, peer, 3, ReadFarewell);

    /// <summary>The peer's last words as what they mean here.</summary>
    public static WireException ToException(in Farewell words, string peer)
    {
        string text = words.Text.Length > 0 ? $": {words.Text}" : ".";
        return new WireException(words.Error, $"{peer} ended the connection ({words.Error}){text}") { ByPeer = true };
    }

    public static void WritePing(FrameBuffer output, uint number)
    {
        output.Begin(FrameType.Ping);
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(1);
        writer.Write(number);
        writer.Flush();
        output.Commit();
    }

    public static uint ReadPing(in Frame frame, string peer) => Decode(frame, peer, 1, ReadPing);

    public static void WritePong(FrameBuffer output, uint number, long wallClockMs)
    {
        output.Begin(FrameType.Pong);
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(2);
        writer.Write(number);
        writer.Write(wallClockMs);
        writer.Flush();
        output.Commit();
    }

    public static (uint Number, long WallClockMs) ReadPong(in Frame frame, string peer) =>
        Decode(frame, peer, 2, ReadPong);

    /// <param name="output">Takes the frame.</param>
    /// <param name="spaces">What is declared.</param>
    /// <param name="asks">In which of them the receiver is to show its enrolment.</param>
    public static void WriteSpaces(
        FrameBuffer output, IReadOnlyList<SpaceChannel> spaces, IReadOnlyList<int> asks)
    {
        output.Begin(FrameType.Spaces);
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(asks.Count == 0 ? 1 : 2);
        WriteSpaces(ref writer, spaces);
        if (asks.Count > 0)
            WriteCredentials(ref writer, asks);
        writer.Flush();
        output.Commit();
    }

    public static (IReadOnlyList<SpaceChannel> Spaces, IReadOnlyList<int> Asks) ReadSpaces(in Frame frame, string peer) =>
        Decode(frame, peer, 1, ReadSpacesFrame);

    /// <param name="output">Takes the frame.</param>
    /// <param name="wishes">All that the sender wants that is not as by default.</param>
    /// <param name="leftBytes">How much of what is not essential the receiver may send; <see langword="null"/> for any.</param>
    public static void WriteLanes(FrameBuffer output, IReadOnlyList<LaneWish> wishes, long? leftBytes)
    {
        output.Begin(FrameType.Lanes);
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(2);
        writer.WriteArrayHeader(3 * wishes.Count);
        foreach (LaneWish wish in wishes)
        {
            writer.Write(wish.Channel);
            writer.Write(wish.Priority);
            writer.Write((uint)wish.Flags);
        }
        if (leftBytes is { } left)
            writer.Write(left);
        else
            writer.WriteNil();
        writer.Flush();
        output.Commit();
    }

    public static (IReadOnlyList<LaneWish> Wishes, long? LeftBytes) ReadLanes(in Frame frame, string peer) =>
        Decode(frame, peer, 2, ReadLanesFrame);

    /// <param name="output">Takes the frame.</param>
    /// <param name="channel">The sender's number of the space.</param>
    /// <param name="enrolment">What is shown; <see langword="null"/> when there is nothing to show.</param>
    public static void WriteProof(FrameBuffer output, int channel, Enrolment? enrolment)
    {
        output.Begin(FrameType.Proof);
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(2);
        writer.Write(channel);
        writer.Write(enrolment is null ? [] : enrolment.ToBytes());
        writer.Flush();
        output.Commit();
    }

    public static (int Channel, Enrolment? Enrolment) ReadProof(in Frame frame, string peer) =>
        Decode(frame, peer, 2, ReadProof);

    /// <summary>Begins a <c>data</c> frame: the message follows the channel's number without further wrapping.
    /// </summary>
    public static void BeginData(FrameBuffer output, int channel, FrameType type = FrameType.Data)
    {
        output.Begin(type);
        var writer = new MessagePackWriter(output);
        writer.Write(channel);
        writer.Flush();
    }

    public static int ReadData(in Frame frame, string peer, out ReadOnlySequence<byte> message)
    {
        try
        {
            var reader = new MessagePackReader(frame.Payload);
            int channel = ReadChannel(ref reader);
            message = frame.Payload.Slice(reader.Position);
            return channel;
        }
        catch (Exception e) when (IsMalformed(e))
        {
            throw Malformed(frame.Type, peer, e);
        }
    }

    // The decode boundary: the one place that turns what the MessagePack reader throws into this layer's error.
    private static T Decode<T>(in Frame frame, string peer, int elements, Decoder<T> decoder)
    {
        try
        {
            var reader = new MessagePackReader(frame.Payload);
            int count = reader.ReadArrayHeader();
            if (count < elements)
                throw new MessagePackSerializationException($"{count} elements where {elements} are needed.");
            int rest = count;
            T decoded = decoder(ref reader, ref rest);
            Skip(ref reader, rest);
            if (!reader.End)
                throw new MessagePackSerializationException("There are bytes after its end.");
            return decoded;
        }
        catch (Exception e) when (IsMalformed(e))
        {
            throw Malformed(frame.Type, peer, e);
        }
    }

    // Each decoder takes off the number of elements what it has read.
    private static Hello ReadHello(ref MessagePackReader reader, ref int elements)
    {
        elements -= HelloElements;
        int versionMin = reader.ReadInt32();
        int versionMax = reader.ReadInt32();
        if (versionMin < 0 || versionMax < versionMin)
            throw new MessagePackSerializationException($"Versions {versionMin} to {versionMax} are no range.");
        Guid nodeId = ReadGuid(ref reader);
        if (nodeId == Guid.Empty)
            throw new MessagePackSerializationException("The node id is empty.");
        var hello = new Hello
        {
            VersionMin = versionMin,
            VersionMax = versionMax,
            NodeId = nodeId,
            BootNonce = reader.ReadUInt64(),
            ConnectionId = reader.ReadUInt64(),
            WallClockMs = reader.ReadInt64(),
            DataLengthBytesMax = reader.ReadInt32(),
            Spaces = ReadSpaces(ref reader, HelloSpacesMax),
            Holds = ReadHolds(ref reader),
            Asks = ReadCredentials(ref reader, HelloSpacesMax, out string? token),
            AccessToken = token,
            TakesPacked = elements-- > 0 && (reader.ReadUInt32() & PackedMessages) != 0,
        };
        elements = Math.Max(elements, 0);
        if (hello.DataLengthBytesMax < FrameFormat.DataLengthBytesMax)
        {
            throw new MessagePackSerializationException(
                $"Data frames of {hello.DataLengthBytesMax} bytes are less than a run needs, "
                + $"{FrameFormat.DataLengthBytesMax}.");
        }
        return hello;
    }

    private static ulong[]? ReadHolds(ref MessagePackReader reader)
    {
        if (reader.TryReadNil())
            return null;
        int count = ReadCount(ref reader, HoldsMax, "connections");
        var holds = new ulong[count];
        for (int i = 0; i < count; i++)
            holds[i] = reader.ReadUInt64();
        return holds;
    }

    // Nil, or an array: where the receiver is to show its enrolment, then an access token; others are of later versions.
    private static void WriteCredentials(ref MessagePackWriter writer, IReadOnlyList<int> asks, string? token = null)
    {
        if (asks.Count == 0 && token is null)
        {
            writer.WriteNil();
            return;
        }
        writer.WriteArrayHeader(token is null ? 1 : 2);
        writer.WriteArrayHeader(asks.Count);
        foreach (int channel in asks)
            writer.Write(channel);
        if (token is not null)
            writer.Write(token);
    }

    private static int[] ReadCredentials(ref MessagePackReader reader, int max, out string? token)
    {
        token = null;
        if (reader.TryReadNil())
            return [];
        int elements = reader.ReadArrayHeader();
        if (elements < 1)
            throw new MessagePackSerializationException("Credentials without an element.");
        var asks = new int[ReadCount(ref reader, max, "channels to show an enrolment on")];
        for (int i = 0; i < asks.Length; i++)
            asks[i] = ReadChannel(ref reader);
        if (elements < 2)
            return asks;
        if (!reader.TryReadNil())
        {
            ReadOnlySequence<byte> text = reader.ReadStringSequence() ?? default;
            if (text.Length > AccessTokenLengthMax)
            {
                throw new MessagePackSerializationException(
                    $"An access token of {text.Length} bytes exceeds the limit of {AccessTokenLengthMax} bytes.");
            }
            token = Encoding.UTF8.GetString(text);
        }
        Skip(ref reader, elements - 2);
        return asks;
    }

    private static (int Channel, Enrolment? Enrolment) ReadProof(ref MessagePackReader reader, ref int elements)
    {
        elements -= 2;
        int channel = ReadChannel(ref reader);
        byte[] bytes = (reader.ReadBytes() ?? default).ToArray();
        return (channel, bytes.Length == 0 ? null : Enrolment.FromBytes(bytes));
    }

    private static Farewell ReadFarewell(ref MessagePackReader reader, ref int elements)
    {
        elements -= 3;
        var error = (WireError)reader.ReadInt32();
        int detail = reader.ReadInt32();
        ReadOnlySequence<byte> text = reader.ReadStringSequence() ?? default;
        if (text.Length > TextLengthBytesMax)
        {
            throw new MessagePackSerializationException(
                $"A text of {text.Length} bytes exceeds the limit of {TextLengthBytesMax} bytes.");
        }
        return new Farewell(error, detail, Printable(Encoding.UTF8.GetString(text)));
    }

    private static uint ReadPing(ref MessagePackReader reader, ref int elements)
    {
        elements--;
        return reader.ReadUInt32();
    }

    private static (uint Number, long WallClockMs) ReadPong(ref MessagePackReader reader, ref int elements)
    {
        elements -= 2;
        return (reader.ReadUInt32(), reader.ReadInt64());
    }

    private static (IReadOnlyList<SpaceChannel> Spaces, IReadOnlyList<int> Asks) ReadSpacesFrame(
        ref MessagePackReader reader, ref int elements)
    {
        bool hasAsks = elements > 1;
        elements -= hasAsks ? 2 : 1;
        return (ReadSpaces(ref reader, SpacesMax), hasAsks ? ReadCredentials(ref reader, SpacesMax, out _) : []);
    }

    private static (IReadOnlyList<LaneWish> Wishes, long? LeftBytes) ReadLanesFrame(ref MessagePackReader reader, ref int elements)
    {
        elements -= 2;
        int count = ReadCount(ref reader, 3 * LanesMax, "elements of lanes");
        if (count % 3 != 0)
            throw new MessagePackSerializationException("A lane has no flags.");
        var wishes = new LaneWish[count / 3];
        for (int i = 0; i < wishes.Length; i++)
        {
            int channel = ReadChannel(ref reader), priority = reader.ReadInt32();
            if (priority is < -SpaceLane.PriorityMax or > SpaceLane.PriorityMax)
                throw new MessagePackSerializationException($"Priority {priority} is not from -{SpaceLane.PriorityMax} to {SpaceLane.PriorityMax}.");
            wishes[i] = new LaneWish(channel, priority, (LaneFlags)reader.ReadUInt32());
        }
        if (reader.TryReadNil())
            return (wishes, null);
        ulong left = reader.ReadUInt64();
        return (wishes, left > long.MaxValue ? long.MaxValue : (long)left);
    }

    private static void WriteSpaces(ref MessagePackWriter writer, IReadOnlyList<SpaceChannel> spaces)
    {
        writer.WriteArrayHeader(2 * spaces.Count);
        foreach (SpaceChannel space in spaces)
        {
            writer.Write(space.Number);
            writer.WriteBinHeader(SpaceId.LengthBytes);
            space.Space.WriteBytes(writer.GetSpan(SpaceId.LengthBytes));
            writer.Advance(SpaceId.LengthBytes);
        }
    }

    private static SpaceChannel[] ReadSpaces(ref MessagePackReader reader, int max)
    {
        int count = ReadCount(ref reader, 2 * max, "elements of spaces");
        if (count % 2 != 0)
            throw new MessagePackSerializationException("A space has no id.");
        Span<byte> id = stackalloc byte[SpaceId.LengthBytes];
        var spaces = new SpaceChannel[count / 2];
        for (int i = 0; i < spaces.Length; i++)
        {
            int channel = ReadChannel(ref reader);
            ReadExactly(ref reader, id);
            spaces[i] = new SpaceChannel(channel, SpaceId.FromBytes(id));
        }
        return spaces;
    }

    private static int ReadChannel(ref MessagePackReader reader)
    {
        int channel = reader.ReadInt32();
        if (channel is < 0 or >= ChannelsMax)
            throw new MessagePackSerializationException($"Channel {channel} is not below {ChannelsMax}.");
        return channel;
    }

    private static int ReadCount(ref MessagePackReader reader, int max, string what)
    {
        int count = reader.ReadArrayHeader();
        if (count > max)
            throw new MessagePackSerializationException($"{count} {what} exceed the limit of {max}.");
        return count;
    }

    private static void WriteGuid(ref MessagePackWriter writer, Guid value)
    {
        writer.WriteBinHeader(GuidLengthBytes);
        value.TryWriteBytes(writer.GetSpan(GuidLengthBytes), bigEndian: true, out int lengthBytes);
        writer.Advance(lengthBytes);
    }

    private static Guid ReadGuid(ref MessagePackReader reader)
    {
        Span<byte> bytes = stackalloc byte[GuidLengthBytes];
        ReadExactly(ref reader, bytes);
        return new Guid(bytes, bigEndian: true);
    }

    private static void ReadExactly(ref MessagePackReader reader, scoped Span<byte> destination)
    {
        ReadOnlySequence<byte> bytes = reader.ReadBytes() ?? default;
        if (bytes.Length != destination.Length)
        {
            throw new MessagePackSerializationException(
                $"An id of {bytes.Length} bytes where {destination.Length} are needed.");
        }
        bytes.CopyTo(destination);
    }

    // Without recursion: 4 KiB can nest 4,096 levels deep.
    private static void Skip(ref MessagePackReader reader, int values)
    {
        for (long rest = values; rest > 0; rest--)
        {
            switch (reader.NextMessagePackType)
            {
                case MessagePackType.Array:
                    rest += reader.ReadArrayHeader();
                    break;
                case MessagePackType.Map:
                    rest += 2L * reader.ReadMapHeader();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
    }

    // Out of range: what the reader throws for a string or binary of 2 GiB or more, whose length it takes as negative.
    internal static bool IsMalformed(Exception e) => e is MessagePackSerializationException or EndOfStreamException
        or OverflowException or ArgumentOutOfRangeException or BatchFormatException;

    internal static WireException Malformed(FrameType type, string peer, Exception cause) =>
        new(WireError.Malformed, $"A {type} frame from {peer} is malformed: {cause.Message}", cause);

    internal static ReadOnlySpan<byte> Utf8Prefix(string text, int lengthBytesMax = TextLengthBytesMax)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        if (utf8.Length <= lengthBytesMax)
            return utf8;
        int length = lengthBytesMax;
        while ((utf8[length] & 0xC0) == 0x80) // not inside a character
            length--;
        return utf8.AsSpan(0, length);
    }

    // A peer's words end up on terminals and in logs: no control characters.
    internal static string Printable(string text) => string.Create(text.Length, text, static (span, source) =>
    {
        for (int i = 0; i < span.Length; i++)
            span[i] = char.IsControl(source[i]) ? ' ' : source[i];
    });
}
