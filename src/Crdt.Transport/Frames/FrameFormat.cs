using System.Buffers;
using System.Buffers.Binary;

namespace Crdt.Transport.Frames;

/// <summary>Layout of a frame: length (u32, little endian, of all that follows), type (u8), flags (u8), payload.
/// </summary>
/// <remarks>WF-6.1, WF-6.2.</remarks>
internal static class FrameFormat
{
    /// <summary>The length field.</summary>
    public const int PrefixLengthBytes = 4;

    /// <summary>Length field, type and flags.</summary>
    public const int HeaderLengthBytes = PrefixLengthBytes + OverheadLengthBytes;

    /// <summary>Type and flags, which the length includes.</summary>
    public const int OverheadLengthBytes = 2;

    /// <summary>Any frame before the greeting is done: an unknown peer gets no more memory than that.</summary>
    public const int HelloLengthBytesMax = 4 << 10;

    /// <summary>Any frame but <see cref="FrameType.Data"/>.</summary>
    public const int ControlLengthBytesMax = 64 << 10;

    /// <summary>A <see cref="FrameType.Data"/> frame: a run of 1 MiB and its signatures, with room.</summary>
    public const int DataLengthBytesMax = 1_310_720;

    // How TLS begins, and how it refuses: types of records, then the version. As a length it would exceed any limit.
    private const byte TlsAlert = 0x15;
    private const byte TlsHandshake = 0x16;
    private const byte TlsVersionMajor = 0x03;

    /// <summary>The cap on a frame of that type, in that state.</summary>
    public static int LengthBytesMax(FrameType type, bool greeted) => !greeted
        ? HelloLengthBytesMax
        : type is FrameType.Data or FrameType.Pair ? DataLengthBytesMax : ControlLengthBytesMax;

    /// <summary>The longest message of a <see cref="FrameType.Data"/> frame in that state, packed or not.</summary>
    public static int MessageLengthBytesMax(bool greeted) => LengthBytesMax(FrameType.Data, greeted) - OverheadLengthBytes - 1;

    /// <summary>Finds the first frame of <paramref name="buffer"/>.</summary>
    /// <param name="buffer">What was received and not yet consumed.</param>
    /// <param name="greeted">Whether the greeting is done, and so the larger caps apply.</param>
    /// <param name="peer">For the error's text.</param>
    /// <param name="frame">The frame; its payload is a part of <paramref name="buffer"/>.</param>
    /// <returns><see langword="false"/> while the buffer ends before the frame does.</returns>
    /// <exception cref="WireException">The header breaks a limit: known from its first bytes, however little of the
    /// frame is there.</exception>
    public static bool TryRead(in ReadOnlySequence<byte> buffer, bool greeted, string peer, out Frame frame)
    {
        frame = default;
        Span<byte> header = stackalloc byte[HeaderLengthBytes];
        int known = (int)Math.Min(buffer.Length, HeaderLengthBytes);
        if (known < PrefixLengthBytes)
            return false;
        buffer.Slice(0, known).CopyTo(header);
        uint lengthBytes = BinaryPrimitives.ReadUInt32LittleEndian(header);
        if (!greeted && header[0] is TlsHandshake or TlsAlert && header[1] == TlsVersionMajor)
        {
            throw new WireException(
                WireError.TlsFailed, $"{peer} speaks TLS, and this node was told to speak without encryption.");
        }
        if (lengthBytes < OverheadLengthBytes)
        {
            throw new WireException(
                WireError.FrameTooShort,
                $"A frame from {peer} announces {lengthBytes} bytes; type and flags alone take {OverheadLengthBytes}.");
        }

        // Before the type is known the largest cap of the state applies, then that of the type.
        FrameType type = known > PrefixLengthBytes ? (FrameType)header[PrefixLengthBytes] : FrameType.Data;
        int lengthBytesMax = LengthBytesMax(type, greeted);
        if (lengthBytes > lengthBytesMax)
        {
            throw new WireException(
                WireError.FrameTooLarge,
                $"A frame of {lengthBytes} bytes from {peer} exceeds the limit of {lengthBytesMax} bytes"
                + (greeted ? "." : " before the greeting."));
        }
        if (buffer.Length < PrefixLengthBytes + lengthBytes)
            return false;

        frame = new Frame(
            type,
            (FrameFlags)header[PrefixLengthBytes + 1],
            buffer.Slice(HeaderLengthBytes, lengthBytes - OverheadLengthBytes));
        return true;
    }

    /// <summary>Writes the header of a frame with a payload of that length.</summary>
    public static void WriteHeader(Span<byte> destination, FrameType type, FrameFlags flags, int payloadLengthBytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, (uint)(payloadLengthBytes + OverheadLengthBytes));
        destination[PrefixLengthBytes] = (byte)type;
        destination[PrefixLengthBytes + 1] = (byte)flags;
    }
}
