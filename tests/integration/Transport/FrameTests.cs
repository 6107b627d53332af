using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Crdt.Transport;
using Crdt.Transport.Frames;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Crdt.Integration.Transport;

public sealed class FrameTests
{
    [Property(MaxTest = 2_000)]
    public void No_input_gets_anything_but_a_frame_a_wait_or_the_one_error(byte[] bytes, bool greeted)
    {
        var buffer = new ReadOnlySequence<byte>(bytes);
        try
        {
            if (FrameFormat.TryRead(buffer, greeted, "x", out Frame frame))
                Assert.Equal(frame.Payload.Length + 2, BinaryPrimitives.ReadUInt32LittleEndian(bytes));
        }
        catch (WireException e)
        {
            Assert.True(e.Error is WireError.FrameTooLarge or WireError.FrameTooShort || (e.Error == WireError.TlsFailed && !greeted));
        }
    }

    [Theory]
    [Trait("Spec", "WF-6.2")]
    [InlineData(false, (int)FrameType.Hello, FrameFormat.HelloLengthBytesMax)]
    [InlineData(false, (int)FrameType.Data, FrameFormat.HelloLengthBytesMax)]
    [InlineData(true, (int)FrameType.Ping, FrameFormat.ControlLengthBytesMax)]
    [InlineData(true, 99, FrameFormat.ControlLengthBytesMax)]
    [InlineData(true, (int)FrameType.Data, FrameFormat.DataLengthBytesMax)]
    public void A_frame_over_the_cap_of_its_kind_and_state_is_refused_on_its_header(
        bool greeted, int type, int lengthBytesMax)
    {
        var frameType = (FrameType)type;
        Assert.False(FrameFormat.TryRead(Header((uint)lengthBytesMax, frameType), greeted, "x", out _));
        WireException e = Assert.Throws<WireException>(
            () => FrameFormat.TryRead(Header((uint)lengthBytesMax + 1, frameType), greeted, "the peer", out _));
        Assert.Equal(WireError.FrameTooLarge, e.Error);
        Assert.Contains($"{lengthBytesMax + 1} bytes from the peer", e.Message, StringComparison.Ordinal);
        Assert.Contains($"{lengthBytesMax} bytes", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Spec", "WF-6.1")]
    [Trait("Spec", "WF-6.2")]
    public void What_no_frame_of_the_state_may_have_is_refused_on_four_bytes()
    {
        ReadOnlySequence<byte> four = Header(0x2054_4547, FrameType.Hello).Slice(0, 4); // "GET "
        Assert.Equal(
            WireError.FrameTooLarge,
            Assert.Throws<WireException>(() => FrameFormat.TryRead(four, greeted: true, "x", out _)).Error);
        ReadOnlySequence<byte> zero = Header(1, FrameType.Hello).Slice(0, 4);
        Assert.Equal(
            WireError.FrameTooShort,
            Assert.Throws<WireException>(() => FrameFormat.TryRead(zero, greeted: true, "x", out _)).Error);
    }

    [Fact]
    public void Nothing_is_allocated_for_a_length_that_is_only_announced()
    {
        ReadOnlySequence<byte> header = Header(FrameFormat.DataLengthBytesMax, FrameType.Data);
        FrameFormat.TryRead(header, greeted: true, "x", out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            FrameFormat.TryRead(header, greeted: true, "x", out _);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Property(MaxTest = 200)]
    public void Frames_come_out_as_they_went_in_however_the_stream_is_cut(NonEmptyArray<byte[]> payloads, int seed)
    {
        byte[] stream = Compose(payloads.Get);
        var pipe = new Pipe();
        var connection = new FramedConnection(new OneWay(pipe.Reader), TimeProvider.System) { Greeted = true };
        Task writing = WriteInPiecesAsync(pipe.Writer, stream, new Random(seed));

        foreach (byte[] payload in payloads.Get)
        {
            Frame? frame = connection.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult();
            Assert.Equal(FrameType.Data, frame!.Value.Type);
            Assert.Equal(payload, frame.Value.Payload.ToArray());
            connection.Advance();
        }
        Assert.Null(connection.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult());
        Assert.Equal(stream.Length, connection.BytesReceived);
        Assert.True(writing.IsCompletedSuccessfully);
    }

    [Fact]
    [Trait("Error", nameof(WireError.Truncated))]
    [Trait("Spec", "WF-6.2")]
    public async Task A_stream_that_ends_inside_a_frame_is_truncated_at_every_byte()
    {
        byte[] stream = Compose([[1, 2, 3, 4, 5]]);
        for (int length = 1; length < stream.Length; length++)
        {
            var pipe = new Pipe();
            var connection = new FramedConnection(new OneWay(pipe.Reader), TimeProvider.System);
            await pipe.Writer.WriteAsync(stream.AsMemory(0, length));
            await pipe.Writer.CompleteAsync();
            WireException e = await Assert.ThrowsAsync<WireException>(
                async () => await connection.ReadAsync(CancellationToken.None));
            Assert.Equal(WireError.Truncated, e.Error);
            await connection.DrainAsync(CancellationToken.None);
        }
    }

    [Fact]
    public void A_frame_taken_back_leaves_no_trace_and_an_empty_buffer_no_memory()
    {
        using var frames = new FrameBuffer();
        frames.Begin(FrameType.Data);
        frames.Write(new byte[100_000]);
        frames.Rollback();
        Assert.Equal(0, frames.LengthBytes);
        frames.Begin(FrameType.Data);
        frames.Write(new byte[] { 9 });
        frames.Commit();
        Assert.Equal([3, 0, 0, 0, (byte)FrameType.Data, 0, 9], frames.Written.ToArray());
        Assert.Throws<InvalidOperationException>(() =>
        {
            frames.Begin(FrameType.Ping);
            frames.Write(new byte[FrameFormat.ControlLengthBytesMax]);
        });
        frames.Clear();
        Assert.True(frames.Written.IsEmpty);
    }

    private static ReadOnlySequence<byte> Header(uint lengthBytes, FrameType type)
    {
        var header = new byte[FrameFormat.HeaderLengthBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(header, lengthBytes);
        header[4] = (byte)type;
        return new ReadOnlySequence<byte>(header);
    }

    private static byte[] Compose(IEnumerable<byte[]> payloads)
    {
        using var frames = new FrameBuffer();
        foreach (byte[] payload in payloads)
        {
            frames.Begin(FrameType.Data);
            frames.Write(payload);
            frames.Commit();
        }
        return frames.Written.ToArray();
    }

    private static async Task WriteInPiecesAsync(PipeWriter writer, byte[] bytes, Random random)
    {
        for (int at = 0; at < bytes.Length;)
        {
            int length = Math.Min(bytes.Length - at, random.Next(1, 9));
            await writer.WriteAsync(bytes.AsMemory(at, length));
            at += length;
        }
        await writer.CompleteAsync();
    }

    private sealed class OneWay(PipeReader reader) : IDuplexPipe
    {
        public PipeReader Input => reader;

        public PipeWriter Output => throw new NotSupportedException();
    }
}
