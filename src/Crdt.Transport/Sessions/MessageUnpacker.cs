using System.Buffers;
using System.IO.Compression;

namespace Crdt.Transport.Sessions;

/// <summary>The other end of a <see cref="MessagePacker"/>.</summary>
/// <remarks>Memory is taken as a message unpacks, never for more than the longest that is allowed. The stream takes some 50 KB while it
/// lives.</remarks>
internal sealed class MessageUnpacker : IDisposable
{
    private const int RoomDefault = 2_048;

    private readonly Source source = new();
    private DeflateStream? stream;
    private byte[] message = [];

    /// <summary>Unpacks the next message.</summary>
    /// <param name="piece">What came.</param>
    /// <param name="isAnew">Whether a stream begins with it.</param>
    /// <param name="lengthBytesMax">The longest message that is taken.</param>
    /// <returns>The message, until the next call.</returns>
    /// <exception cref="InvalidDataException">It is no piece of the stream, or unpacks to too much.</exception>
    public ReadOnlyMemory<byte> Unpack(ReadOnlySequence<byte> piece, bool isAnew, int lengthBytesMax)
    {
        ReturnMessage();
        if (isAnew)
        {
            stream?.Dispose();
            stream = new DeflateStream(source, CompressionMode.Decompress, leaveOpen: true);
        }
        source.Give(piece);
        int length = 0;
        while (true)
        {
            if (length == message.Length)
                Grow(length, lengthBytesMax);
            int read = stream!.Read(message, length, message.Length - length);
            if (read == 0)
                break;
            length += read;
            if (length > lengthBytesMax)
                throw new InvalidDataException($"It unpacks to more than the {lengthBytesMax} bytes that a message may take.");
        }
        // What is left over lies behind the end of a stream that has none.
        if (length == 0 || !source.IsEmpty)
            throw new InvalidDataException("It is not one message.");
        return message.AsMemory(0, length);
    }

    public void Dispose()
    {
        stream?.Dispose();
        ReturnMessage();
    }

    private void Grow(int length, int lengthBytesMax)
    {
        // One byte beyond the limit, by which it shows that it is exceeded.
        int wanted = Math.Min(Math.Max(RoomDefault, 2 * length), lengthBytesMax + 1);
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(wanted, length + 1));
        message.AsSpan(0, length).CopyTo(larger);
        ReturnMessage();
        message = larger;
    }

    private void ReturnMessage()
    {
        if (message.Length > 0)
            ArrayPool<byte>.Shared.Return(message);
        message = [];
    }

    /// <summary>What came of a stream, with the end that pieces do not say.</summary>
    private sealed class Source : Stream
    {
        private ReadOnlySequence<byte> rest;
        private int ending;

        public bool IsEmpty => rest.IsEmpty && ending == 0;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public void Give(ReadOnlySequence<byte> piece)
        {
            rest = piece;
            ending = MessagePacker.End.Length;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            int taken = (int)Math.Min(rest.Length, buffer.Length);
            rest.Slice(0, taken).CopyTo(buffer);
            rest = rest.Slice(taken);
            int ends = Math.Min(ending, buffer.Length - taken);
            if (rest.IsEmpty && ends > 0)
            {
                MessagePacker.End.Slice(MessagePacker.End.Length - ending, ends).CopyTo(buffer[taken..]);
                ending -= ends;
                taken += ends;
            }
            return taken;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
