using System.Buffers.Binary;
using MessagePack;

namespace Crdt;

/// <summary>The declared size in front of a compressed batch: one minimal MessagePack unsigned integer.</summary>
internal static class CompressedHeader
{
    /// <summary>Of the header, with the byte of the format.</summary>
    public const int LengthBytesMax = 6;

    public static int Write(Span<byte> destination, int size)
    {
        if (size <= ushort.MaxValue)
        {
            destination[0] = MessagePackCode.UInt16;
            BinaryPrimitives.WriteUInt16BigEndian(destination[1..], (ushort)size);
            return 3;
        }
        destination[0] = MessagePackCode.UInt32;
        BinaryPrimitives.WriteUInt32BigEndian(destination[1..], (uint)size);
        return 5;
    }
}
