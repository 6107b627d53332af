using System.Buffers.Binary;
using System.IO.Hashing;
using Crdt.Store.Disk;

namespace Crdt.Store.Log;

/// <summary>What a segment begins with: whose log it is, where in the log it begins, and what the log held by
/// then.</summary>
/// <remarks>
/// Little-endian: magic 8 · format version 2 · zero 2 · header length 4 · base position 8 · identity length 4 ·
/// identity ·
/// vector (current writer or zero 16, count 4, then author 16 and sequence 8 each) · XxHash3 of all before, 8.
/// </remarks>
internal sealed record SegmentHeader(ReadOnlyMemory<byte> Identity, long BasePosition, LogVector Start)
{
    public const int FormatVersion = 1;
    public const int IdentityLengthBytesMax = 1024;

    private const int FixedLengthBytes = 8 + 2 + 2 + 4 + 8 + 4;

    private const int LengthBytesMax = 32 << 20;

    // "CRDTLOG" and a byte that a text-mode copy would change.
    private static ReadOnlySpan<byte> Magic => "CRDTLOG\x1a"u8;

    public byte[] Encode()
    {
        byte[] bytes = new byte[FixedLengthBytes + Identity.Length + Start.EncodedLength + 8];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), FormatVersion);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), bytes.Length);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), BasePosition);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(24), Identity.Length);
        Identity.Span.CopyTo(bytes.AsSpan(FixedLengthBytes));
        Start.Encode(bytes.AsSpan(FixedLengthBytes + Identity.Length));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(^8..), XxHash3.HashToUInt64(bytes.AsSpan(..^8)));
        return bytes;
    }

    /// <summary>Reads and verifies the header of a segment.</summary>
    /// <param name="file">The segment.</param>
    /// <param name="segment">Its name, for the error.</param>
    /// <param name="length">The header's length in bytes: where the first group begins.</param>
    public static SegmentHeader Read(IDiskFile file, SegmentName segment, out int length)
    {
        Span<byte> fixedPart = stackalloc byte[FixedLengthBytes];
        if (file.Read(fixedPart, 0) < FixedLengthBytes || !fixedPart[..8].SequenceEqual(Magic))
            throw segment.Damaged(0, "it does not begin with a segment header");
        int version = BinaryPrimitives.ReadUInt16LittleEndian(fixedPart[8..]);
        if (version > FormatVersion)
        {
            throw new StoreException(
                StoreError.UnsupportedFormat,
                $"Log segment '{segment.FileName}' has format version {version}; up to {FormatVersion} can be read.");
        }

        length = BinaryPrimitives.ReadInt32LittleEndian(fixedPart[12..]);
        int identityLength = BinaryPrimitives.ReadInt32LittleEndian(fixedPart[24..]);
        if (length is < FixedLengthBytes + 4 + 8 or > LengthBytesMax
            || identityLength is < 0 or > IdentityLengthBytesMax
            || FixedLengthBytes + identityLength + 4 + 8 > length
            || length > file.Length)
        {
            throw segment.Damaged(0, "its header's lengths are impossible");
        }

        byte[] bytes = new byte[length];
        if (file.Read(bytes, 0) < length
            || XxHash3.HashToUInt64(bytes.AsSpan(..^8)) != BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(^8..)))
        {
            throw segment.Damaged(0, "its header's checksum is wrong");
        }

        long basePosition = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(16));
        if (basePosition != segment.BasePosition)
            throw segment.Damaged(0, $"its header says that it begins at position {basePosition}");
        if (!LogVector.TryDecode(bytes.AsSpan((FixedLengthBytes + identityLength)..^8), out LogVector? start))
            throw segment.Damaged(0, "its start vector is malformed");
        return new SegmentHeader(bytes.AsMemory(FixedLengthBytes, identityLength), basePosition, start);
    }
}
