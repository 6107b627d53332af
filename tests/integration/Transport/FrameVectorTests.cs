using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Crdt.Transport;
using Crdt.Transport.Frames;
using Crdt.Transport.Sessions;

namespace Crdt.Integration.Transport;

/// <summary>docs/vectors/frames.json: every frame there is, header included.</summary>
public sealed class FrameVectorTests
{
    private static readonly SpaceId Space = SpaceId.FromBytes([.. Enumerable.Range(0, 32).Select(i => (byte)i)]);

    private static readonly Hello Greeting = new()
    {
        VersionMin = 1,
        VersionMax = 1,
        NodeId = new Guid("0a000000-0000-4000-8000-000000000001"),
        BootNonce = 0x0102030405060708,
        ConnectionId = 0x0102030405060709,
        WallClockMs = 1_777_622_400_000,
        DataLengthBytesMax = FrameFormat.DataLengthBytesMax,
        Spaces = [new SpaceChannel(0, Space)],
        Holds = [0x1112131415161718],
    };

    private static readonly Enrolment Shown = new(
        new ReplicaId(new Guid("0b000000-0000-4000-8000-000000000001")), new byte[] { 4, 1, 2, 3 }, ReplicaRole.Server, "ann",
        new byte[] { 9, 8, 7 });

    private static readonly (string Name, Action<FrameBuffer> Write, Action<Frame> Read)[] Frames =
    [
        ("hello", output => MessageFormat.WriteHello(output, Greeting), frame =>
        {
            Hello read = MessageFormat.ReadHello(frame, "x");
            Assert.Equal(Greeting.Spaces, read.Spaces);
            Assert.Equal(Greeting.Holds, read.Holds);
            Assert.Equal(Greeting with { Spaces = read.Spaces, Holds = read.Holds }, read);
        }),
        ("hello that lists no connections", output => MessageFormat.WriteHello(output, Greeting with { Holds = null }),
            frame => Assert.Null(MessageFormat.ReadHello(frame, "x").Holds)),
        ("reject",
            output => MessageFormat.WriteFarewell(
                output, FrameType.Reject, new Farewell(WireError.NoCommonSpace, 0, "no common space")),
            frame => Assert.Equal(
                new Farewell(WireError.NoCommonSpace, 0, "no common space"), MessageFormat.ReadFarewell(frame, "x"))),
        ("bye after a gap in a replication",
            output => MessageFormat.WriteFarewell(
                output, FrameType.Bye, new Farewell(WireError.SyncViolation, (int)SyncError.Gap, "gap")),
            frame => Assert.Equal(
                new Farewell(WireError.SyncViolation, (int)SyncError.Gap, "gap"),
                MessageFormat.ReadFarewell(frame, "x"))),
        ("ping", output => MessageFormat.WritePing(output, 300),
            frame => Assert.Equal(300u, MessageFormat.ReadPing(frame, "x"))),
        ("pong", output => MessageFormat.WritePong(output, 300, 1_777_622_400_000),
            frame => Assert.Equal((300u, 1_777_622_400_000), MessageFormat.ReadPong(frame, "x"))),
        ("spaces", output => MessageFormat.WriteSpaces(output, [new SpaceChannel(1, Space)], []),
            frame => Assert.Equal([new SpaceChannel(1, Space)], MessageFormat.ReadSpaces(frame, "x").Spaces)),
        ("hello that asks for an enrolment", output => MessageFormat.WriteHello(output, Greeting with { Asks = [0] }),
            frame => Assert.Equal([0], MessageFormat.ReadHello(frame, "x").Asks)),
        ("spaces that ask for an enrolment", output => MessageFormat.WriteSpaces(output, [new SpaceChannel(1, Space)], [1]),
            frame => Assert.Equal([1], MessageFormat.ReadSpaces(frame, "x").Asks)),
        ("proof", output => MessageFormat.WriteProof(output, 1, Shown), frame =>
        {
            (int channel, Enrolment? read) = MessageFormat.ReadProof(frame, "x");
            Assert.Equal(1, channel);
            Assert.Equal((Shown.Replica, Shown.Role, Shown.Owner), (read!.Replica, read.Role, read.Owner));
            Assert.Equal(Shown.PublicKey.ToArray(), read.PublicKey.ToArray());
            Assert.Equal(Shown.Certificate.ToArray(), read.Certificate.ToArray());
        }),
        ("proof of nothing", output => MessageFormat.WriteProof(output, 1, null),
            frame => Assert.Null(MessageFormat.ReadProof(frame, "x").Enrolment)),
        ("data", output =>
        {
            MessageFormat.BeginData(output, 200);
            output.Write("xyz"u8);
            output.Commit();
        }, frame => Assert.Equal(200, MessageFormat.ReadData(frame, "x", out _))),
        ("lanes: the first space goes first, the second rests, 5 MB are left",
            output => MessageFormat.WriteLanes(output, [new LaneWish(0, 100, LaneFlags.Essential), new LaneWish(1, -3, LaneFlags.Held)], 5_000_000),
            frame =>
            {
                (IReadOnlyList<LaneWish> wishes, long? left) = MessageFormat.ReadLanes(frame, "x");
                Assert.Equal([new LaneWish(0, 100, LaneFlags.Essential), new LaneWish(1, -3, LaneFlags.Held)], wishes);
                Assert.Equal(5_000_000, left);
            }),
        ("lanes: nothing special any more", output => MessageFormat.WriteLanes(output, [], null),
            frame => Assert.Null(MessageFormat.ReadLanes(frame, "x").LeftBytes)),
        ("hello that takes packed messages", output => MessageFormat.WriteHello(output, Greeting with { TakesPacked = true }),
            frame => Assert.True(MessageFormat.ReadHello(frame, "x").TakesPacked)),
        ("packed data that begins a stream: xyzxyzxyzxyz", output => WritePacked(output, "aaa8acaa80210000", isAnew: true), frame =>
        {
            Assert.Equal(FrameFlags.Packed | FrameFlags.PackedAnew, frame.Flags);
            using var unpacker = new MessageUnpacker();
            Assert.Equal("xyzxyzxyzxyz", Unpacked(unpacker, frame));
        }),
        ("packed data that goes on with it: xyzxyz", output => WritePacked(output, "82300000", isAnew: false), frame =>
        {
            Assert.Equal(FrameFlags.Packed, frame.Flags);
            using var unpacker = new MessageUnpacker();
            unpacker.Unpack(new ReadOnlySequence<byte>(Convert.FromHexString("aaa8acaa80210000")), isAnew: true, 100);
            Assert.Equal("xyzxyz", Unpacked(unpacker, frame));
        }),
    ];

    private static void WritePacked(FrameBuffer output, string piece, bool isAnew)
    {
        MessageFormat.BeginData(output, 200);
        output.Write(Convert.FromHexString(piece));
        output.Commit(isAnew ? FrameFlags.Packed | FrameFlags.PackedAnew : FrameFlags.Packed);
    }

    private static string Unpacked(MessageUnpacker unpacker, in Frame frame)
    {
        MessageFormat.ReadData(frame, "x", out ReadOnlySequence<byte> piece);
        return Encoding.ASCII.GetString(
            unpacker.Unpack(piece, frame.Flags.HasFlag(FrameFlags.PackedAnew), lengthBytesMax: 100).Span);
    }

    /// <summary>With CRDT_WRITE_VECTORS set it writes the file instead, for a new version of the format.</summary>
    [Fact]
    [Trait("Spec", "WF-6.1")]
    [Trait("Spec", "WF-6.4")]
    [Trait("Spec", "WF-6.5")]
    [Trait("Spec", "WF-6.6")]
    [Trait("Spec", "WF-6.7")]
    [Trait("Spec", "WF-6.8")]
    [Trait("Spec", "WF-6.10")]
    [Trait("Spec", "WF-6.12")]
    [Trait("Spec", "WF-6.13")]
    [Trait("Spec", "WF-7.5")]
    public void The_vectors_are_what_is_written_and_read_back()
    {
        var vectors = new JsonArray();
        foreach ((string name, Action<FrameBuffer> write, Action<Frame> read) in Frames)
        {
            using var output = new FrameBuffer();
            write(output);
            var bytes = new ReadOnlySequence<byte>(output.Written.ToArray());
            Assert.True(FrameFormat.TryRead(bytes, greeted: true, "x", out Frame frame));
            Assert.Equal(bytes.Length, FrameFormat.HeaderLengthBytes + frame.Payload.Length);
            read(frame);
            vectors.Add((JsonNode)new JsonObject
            {
                ["name"] = name,
                ["bytes"] = Convert.ToHexStringLower(bytes.ToArray()),
            });
        }
        string text = vectors.ToJsonString(new() { WriteIndented = true, IndentSize = 1, NewLine = "\n" }) + "\n";
        string path = Path.Combine(RepositoryRoot(), "docs", "vectors", "frames.json");
        if (Environment.GetEnvironmentVariable("CRDT_WRITE_VECTORS") is not null)
            File.WriteAllText(path, text);
        Assert.Equal(text, File.ReadAllText(path));
    }

    private static string RepositoryRoot()
    {
        string at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Crdt.sln")))
            at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("The repository was not found.");
        return at;
    }
}
