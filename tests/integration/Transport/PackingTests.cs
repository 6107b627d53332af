using System.Buffers;
using System.IO.Compression;
using System.Net;
using Crdt.Transport;
using Crdt.Transport.Connections;
using Crdt.Transport.Frames;
using Crdt.Transport.Sessions;
using FsCheck;
using FsCheck.Xunit;
using Microsoft.Extensions.Time.Testing;
using Xunit.Abstractions;

namespace Crdt.Integration.Transport;

/// <summary>Messages as pieces of compression streams: what comes out, what a hostile piece gets, and what it saves.</summary>
public sealed class PackingTests(ITestOutputHelper log)
{
    private const int LengthBytesMax = 1_310_717;

    private static readonly byte[] Noise = RandomBytes(300_000);

    private readonly MemoryTransport transport = new();

    [Property(MaxTest = 300)]
    [Trait("Spec", "WF-6.12")]
    public void Messages_come_out_as_they_went_in_wherever_streams_begin_anew_and_pieces_are_cut(int seed)
    {
        var random = new Random(seed);
        using var packer = new MessagePacker();
        using var unpacker = new MessageUnpacker();
        for (int i = 0; i < 12; i++)
        {
            byte[] message = SomeMessage(random);
            if (random.Next(4) == 0)
                packer.Release();
            ReadOnlySpan<byte> piece = packer.Pack(message, out bool isAnew);
            ReadOnlyMemory<byte> unpacked = unpacker.Unpack(InPieces(piece, random), isAnew, LengthBytesMax);
            Assert.True(unpacked.Span.SequenceEqual(message), $"A message of {message.Length} bytes came out as one of {unpacked.Length}.");
        }
    }

    [Fact]
    public void A_message_like_one_before_takes_a_fraction()
    {
        using var packer = new MessagePacker();
        byte[] message = Noise[..400];
        int first = packer.Pack(message, out _).Length;
        message[200] ^= 1;
        int second = packer.Pack(message, out bool isAnew).Length;
        Assert.False(isAnew);
        Assert.InRange(first, 400, 450);
        Assert.InRange(second, 1, 25);
    }

    [Property(MaxTest = 2_000)]
    public void No_piece_gets_anything_but_a_message_or_the_one_error(byte[] piece, bool goesOn)
    {
        using var unpacker = new MessageUnpacker();
        try
        {
            unpacker.Unpack(new ReadOnlySequence<byte>(Convert.FromHexString("aaa8acaa80210000")), isAnew: true, LengthBytesMax);
            unpacker.Unpack(new ReadOnlySequence<byte>(piece), isAnew: !goesOn, LengthBytesMax);
        }
        catch (InvalidDataException)
        {
            // The one error.
        }
    }

    [Fact]
    public void A_piece_that_unpacks_to_too_much_is_given_up_at_the_limit_and_takes_no_more_memory()
    {
        byte[] bomb = Deflate(new byte[64 << 20]);
        Assert.InRange(bomb.Length, 1, 700_000);
        using var unpacker = new MessageUnpacker();
        long before = GC.GetAllocatedBytesForCurrentThread();
        InvalidDataException e = Assert.Throws<InvalidDataException>(
            () => unpacker.Unpack(new ReadOnlySequence<byte>(bomb), isAnew: true, LengthBytesMax));
        Assert.Contains($"{LengthBytesMax} bytes", e.Message, StringComparison.Ordinal);
        // The buffer doubles: all of them together are below four times the limit.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4L * LengthBytesMax);
    }

    [Theory]
    [InlineData(LengthBytesMax, true)]
    [InlineData(LengthBytesMax + 1, false)]
    public void The_longest_message_is_taken_and_one_byte_more_is_not(int lengthBytes, bool isTaken)
    {
        byte[] piece = Deflate(new byte[lengthBytes]);
        using var unpacker = new MessageUnpacker();
        Exception? e = Record.Exception(() => unpacker.Unpack(new ReadOnlySequence<byte>(piece), isAnew: true, LengthBytesMax));
        Assert.Equal(isTaken ? null : typeof(InvalidDataException), e?.GetType());
    }

    [Fact]
    public void A_stream_that_says_it_is_over_is_refused()
    {
        using var unpacker = new MessageUnpacker();
        byte[] over = [0x4b, 0x04, 0x00]; // "a" in a final block
        Assert.Throws<InvalidDataException>(
            () => unpacker.Unpack(new ReadOnlySequence<byte>([.. over, .. Noise[..20_000]]), isAnew: true, LengthBytesMax));
        Assert.Throws<InvalidDataException>(
            () => unpacker.Unpack(new ReadOnlySequence<byte>(over), isAnew: false, LengthBytesMax));
    }

    [Fact]
    public void What_is_compressed_already_is_sent_as_it_is_and_what_is_not_is_packed()
    {
        foreach (int length in new[] { 193, 300, 1_000, 5_000, 300_000 })
        {
            Assert.False(MessagePacker.IsWorthIt(Noise.AsSpan(0, length)), $"{length} bytes of noise");
            byte[] text = [.. Enumerable.Range(0, length).Select(i => (byte)('a' + (i * i % 23)))];
            Assert.True(MessagePacker.IsWorthIt(text), $"{length} bytes of text");
        }
    }

    [Fact]
    [Trait("Spec", "WF-6.12")]
    public async Task Streams_have_a_limit_and_idle_ones_are_let_go_of_and_begun_anew()
    {
        await using Mesh mesh = new(transport);
        var time = new FakeTimeProvider();
        using MessagePacking packing = new(time) { IsAgreed = true }, there = new(time);
        Replica replica = await mesh.ReplicaAsync();
        using var sync = new SyncSession(replica);
        SpaceSession[] sessions = [.. Enumerable.Range(0, MessagePacking.StreamsMax + 1)
            .Select(i => new SpaceSession(new SpaceChannel(i, replica.Space), replica, sync, null!) { HasHeard = i != 1 })];

        Assert.Equal([FrameFlags.Packed | FrameFlags.PackedAnew, FrameFlags.Packed], Send(packing, there, sessions[0], 2));
        Assert.Equal([FrameFlags.None], Send(packing, there, sessions[1], 1)); // it has not spoken yet
        sessions[1].HasHeard = true;
        foreach (SpaceSession session in sessions[1..^1])
            Assert.Equal([FrameFlags.Packed | FrameFlags.PackedAnew], Send(packing, there, session, 1));
        Assert.Equal([FrameFlags.None], Send(packing, there, sessions[^1], 1));

        time.Advance(MessagePacking.IdleMax - TimeSpan.FromSeconds(1));
        Send(packing, there, sessions[2], 1);
        time.Advance(TimeSpan.FromSeconds(1));
        packing.ReleaseIdle();
        Assert.Equal([FrameFlags.Packed | FrameFlags.PackedAnew], Send(packing, there, sessions[0], 1));
        Assert.Equal([FrameFlags.Packed], Send(packing, there, sessions[2], 1));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Changes_cross_whether_both_sides_pack_or_one_does_not(bool dialler, bool acceptor)
    {
        await using Mesh mesh = new(transport);
        (PeerNode left, Replica a) = await mesh.NodeAsync(new PeerNodeOptions { PacksMessages = dialler });
        (PeerNode right, Replica b) = await mesh.NodeAsync(new PeerNodeOptions { PacksMessages = acceptor });
        PeerConnection connection = await left.ConnectAsync(await right.ListenAsync((EndPoint)Mesh.AnyPort, default));
        await connection.WaitForSyncAsync().WaitAsync(Mesh.Deadline);
        long bytes = await CostOfAsync(connection, a, b, 60);
        log.WriteLine($"{bytes} bytes sent for each of 60 changes");
        // A change as it is takes about 94 here; packed about 57, of which 33 are the hash of the head.
        if (dialler && acceptor)
            Assert.InRange(bytes, 40, 70);
        else
            Assert.InRange(bytes, 85, 160);
        await Mesh.AssertConvergedAsync(a, b);
    }

    [Fact]
    [Trait("Spec", "WF-6.12")]
    public async Task A_packed_message_that_is_none_or_was_not_agreed_on_ends_its_connection_with_its_code()
    {
        await AssertMalformedAsync(new PeerNodeOptions(), FrameFlags.Packed | FrameFlags.PackedAnew, 0, 0xff, 0xff, 0xff, 0xff);
        await AssertMalformedAsync(new PeerNodeOptions(), FrameFlags.Packed, 0, 0x4b, 0x04, 0x00); // goes on with nothing
        await AssertMalformedAsync(new PeerNodeOptions(), FrameFlags.Packed | FrameFlags.PackedAnew, 0); // an empty one
        await AssertMalformedAsync(
            new PeerNodeOptions { PacksMessages = false }, FrameFlags.Packed | FrameFlags.PackedAnew, 0, 0xaa, 0xa8, 0xac, 0xaa, 0x80, 0x21, 0x00, 0x00);
        await AssertMalformedAsync(new PeerNodeOptions(), FrameFlags.Packed | FrameFlags.PackedAnew, [0, .. Deflate(new byte[16 << 20])]);
    }

    private async Task AssertMalformedAsync(PeerNodeOptions options, FrameFlags flags, params byte[] payload)
    {
        await using Mesh mesh = new(transport);
        (PeerNode node, _) = await mesh.NodeAsync(options);
        await using RawPeer peer = await RawPeer.DialAsync(transport, await node.ListenAsync((EndPoint)Mesh.AnyPort, default));
        Hello answer = await peer.GreetAsync(RawPeer.Hello(node) with { TakesPacked = true });
        Assert.Equal(options.PacksMessages, answer.TakesPacked);
        await peer.SendAsync(frames =>
        {
            frames.Begin(FrameType.Data);
            frames.Write(payload);
            frames.Commit(flags);
        });
        Assert.Equal(WireError.Malformed, (await peer.ReadFarewellAsync(FrameType.Bye)).Error);
    }

    // After as many to begin with, by which names are known.
    private static async Task<long> CostOfAsync(PeerConnection connection, Replica from, Replica to, int changes)
    {
        long before = 0;
        for (int i = 0; i < 2 * changes; i++)
        {
            if (i == changes)
                before = connection.BytesSent;
            await Mesh.CommitAsync(from, $"e{i}");
            await Mesh.UntilAsync(() => Mesh.Read(to, $"e{i}") == "x", "the change");
        }
        return (connection.BytesSent - before) / changes;
    }

    private static FrameFlags[] Send(MessagePacking from, MessagePacking to, SpaceSession session, int count)
    {
        var flags = new FrameFlags[count];
        for (int i = 0; i < count; i++)
        {
            byte[] message = Noise[(i * 10)..120];
            using var output = new FrameBuffer();
            MessageFormat.BeginData(output, session.Channel.Number);
            int at = output.LengthBytes;
            output.Write(message);
            output.Commit(flags[i] = from.Pack(output, session, at));
            Assert.True(FrameFormat.TryRead(new ReadOnlySequence<byte>(output.Written), greeted: true, "x", out Frame frame));
            int channel = MessageFormat.ReadData(frame, "x", out ReadOnlySequence<byte> piece);
            if (flags[i] != FrameFlags.None)
                piece = to.Unpack(frame, channel, piece, LengthBytesMax, "x");
            Assert.Equal(message, piece.ToArray());
        }
        return flags;
    }

    private static byte[] SomeMessage(Random random)
    {
        int length = random.Next(5) switch { 0 => random.Next(1, 4), 1 => random.Next(1, 200_000), _ => random.Next(1, 600) };
        int from = random.Next(Noise.Length - length);
        byte[] message = Noise[from..(from + length)];
        if (random.Next(2) == 0)
            message.AsSpan(length / 2).Fill((byte)random.Next(256));
        return message;
    }

    private static ReadOnlySequence<byte> InPieces(ReadOnlySpan<byte> bytes, Random random)
    {
        var first = new Segment(bytes[..(bytes.Length / 2)].ToArray(), null);
        int rest = bytes.Length - (bytes.Length / 2);
        int cut = random.Next(rest + 1);
        var second = new Segment(bytes.Slice(bytes.Length / 2, cut).ToArray(), first);
        var third = new Segment(bytes[(bytes.Length / 2 + cut)..].ToArray(), second);
        return new ReadOnlySequence<byte>(first, 0, third, third.Memory.Length);
    }

    private static byte[] Deflate(byte[] content)
    {
        var packed = new MemoryStream();
        using (var stream = new DeflateStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            stream.Write(content);
            stream.Flush();
            return packed.ToArray()[..^MessagePacker.End.Length];
        }
    }

    private static byte[] RandomBytes(int length)
    {
        var bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        return bytes;
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? before)
        {
            Memory = memory;
            if (before is null)
                return;
            RunningIndex = before.RunningIndex + before.Memory.Length;
            before.Next = this;
        }
    }
}
