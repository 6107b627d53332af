using System.Buffers;

namespace Crdt.Transport.Frames;

/// <summary>Frames on their way out, in one pooled array: a frame is begun, its payload written through <see
/// cref="IBufferWriter{T}"/>, then committed or taken back. Not for concurrent calls.</summary>
/// <remarks>Holds no memory while empty, so an idle connection costs none. Never more than what was there at <see
/// cref="Begin"/> and one frame of its cap.</remarks>
internal sealed class FrameBuffer : IBufferWriter<byte>, IDisposable
{
    private const int RoomDefault = 512;

    private byte[] bytes = [];
    private int frameStart = -1;
    private FrameType frameType;

    /// <summary>Bytes of the committed frames.</summary>
    public int LengthBytes { get; private set; }

    /// <summary>The committed frames.</summary>
    public ReadOnlyMemory<byte> Written => bytes.AsMemory(0, LengthBytes);

    public void Begin(FrameType type)
    {
        if (frameStart >= 0)
            throw new InvalidOperationException("A frame is begun already.");
        Reserve(FrameFormat.HeaderLengthBytes);
        frameStart = LengthBytes;
        frameType = type;
        LengthBytes += FrameFormat.HeaderLengthBytes;
    }

    public void Commit(FrameFlags flags = FrameFlags.None)
    {
        int payloadLengthBytes = LengthBytes - frameStart - FrameFormat.HeaderLengthBytes;
        FrameFormat.WriteHeader(bytes.AsSpan(frameStart), frameType, flags, payloadLengthBytes);
        frameStart = -1;
    }

    /// <summary>What was written from there on, until more is written.</summary>
    public ReadOnlySpan<byte> Tail(int at) => bytes.AsSpan(at, LengthBytes - at);

    /// <summary>Puts something else in the place of what was written from there on, within the frame that is begun.</summary>
    public void Replace(int at, ReadOnlySpan<byte> content)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(at, frameStart + FrameFormat.HeaderLengthBytes);
        LengthBytes = at;
        this.Write(content);
    }

    /// <summary>Takes the frame that is begun back; nothing when none is.</summary>
    public void Rollback()
    {
        if (frameStart < 0)
            return;
        LengthBytes = frameStart;
        frameStart = -1;
    }

    /// <summary>Forgets the committed frames and gives the memory back.</summary>
    public void Clear()
    {
        LengthBytes = 0;
        frameStart = -1;
        if (bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(bytes);
        bytes = [];
    }

    public void Dispose() => Clear();

    /// <exception cref="InvalidOperationException">The frame grows past the cap of its type: a defect of whoever
    /// writes it, not of the peer.</exception>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, bytes.Length - LengthBytes);
        int lengthBytesMax = FrameFormat.LengthBytesMax(frameType, greeted: frameType != FrameType.Hello);
        long frameLengthBytes = LengthBytes + (long)count - frameStart - FrameFormat.PrefixLengthBytes;
        if (frameLengthBytes > lengthBytesMax)
        {
            throw new InvalidOperationException(
                $"A {frameType} frame of {frameLengthBytes} bytes exceeds the limit of {lengthBytesMax} bytes.");
        }
        LengthBytes += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, RoomDefault));
        return bytes.AsMemory(LengthBytes);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    private void Reserve(int roomBytes)
    {
        if (bytes.Length - LengthBytes >= roomBytes)
            return;
        byte[] larger = ArrayPool<byte>.Shared.Rent(checked(Math.Max(LengthBytes + roomBytes, 2 * LengthBytes)));
        bytes.AsSpan(0, LengthBytes).CopyTo(larger);
        if (bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(bytes);
        bytes = larger;
    }
}
