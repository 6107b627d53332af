using System.Buffers.Binary;
using System.IO.Hashing;
using Crdt.Store.AtRest;
using Crdt.Store.Disk;

namespace Crdt.Store.Log;

/// <summary>What a segment begins with: whose log it is, where in the log it begins, and what the log held by
/// then.</summary>
/// <remarks>
/// Little-endian: magic 8 · format version 2 · flags 2 (1: encrypted) · header length 4 · base position 8 · identity length 4 ·
/// identity ·
/// vector (current writer or zero 16, count 4, then author 16 and sequence 8 each) · XxHash3 of all before, 8.
/// Encrypted: nonce and tag, 40, before identity and vector, which are sealed as one with what stands before them.
/// </remarks>
internal sealed record SegmentHeader(ReadOnlyMemory<byte> Identity, long BasePosition, LogVector Start)
{
    public const int FormatVersion = 1;
    public const int IdentityLengthBytesMax = 1024;

    private const ushort EncryptedFlag = 1;

    private const int FixedLengthBytes = 8 + 2 + 2 + 4 + 8 + 4;

    private const int LengthBytesMax = 32 << 20;

    // "CRDTLOG" and a byte that a text-mode copy would change.
    private static ReadOnlySpan<byte> Magic => "CRDTLOG\x1a"u8;

    /// <param name="cipher">The key; null where nothing is encrypted.</param>
    public byte[] Encode(AtRestCipher? cipher)
    {
        int envelope = cipher is null ? 0 : AtRestCipher.EnvelopeLengthBytes;
        byte[] bytes = new byte[FixedLengthBytes + envelope + Identity.Length + Start.EncodedLength + 8];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), FormatVersion);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(10), cipher is null ? (ushort)0 : EncryptedFlag);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), bytes.Length);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), BasePosition);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(24), Identity.Length);
        Span<byte> content = bytes.AsSpan((FixedLengthBytes + envelope)..^8);
        Identity.Span.CopyTo(content);
        Start.Encode(content[Identity.Length..]);
        cipher?.Seal(content, bytes.AsSpan(FixedLengthBytes, envelope), bytes.AsSpan(0, FixedLengthBytes));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(^8..), XxHash3.HashToUInt64(bytes.AsSpan(..^8)));
        return bytes;
    }

    /// <summary>Whether a segment is encrypted, as far as its beginning can be read.</summary>
    public static bool IsEncrypted(IDiskFile file)
    {
        Span<byte> fixedPart = stackalloc byte[FixedLengthBytes];
        return file.Read(fixedPart, 0) == FixedLengthBytes && fixedPart[..8].SequenceEqual(Magic)
            && (BinaryPrimitives.ReadUInt16LittleEndian(fixedPart[10..]) & EncryptedFlag) != 0;
    }

    /// <summary>Reads and verifies the header of a segment.</summary>
    /// <param name="file">The segment.</param>
    /// <param name="segment">Its name, for the error.</param>
    /// <param name="cipher">The key; null where nothing is encrypted.</param>
    /// <param name="length">The header's length in bytes: where the first group begins.</param>
    public static SegmentHeader Read(IDiskFile file, SegmentName segment, AtRestCipher? cipher, out int length)
    {
        Span<byte> fixedPart = stackalloc byte[FixedLengthBytes];
        if (file.Read(fixedPart, 0) < FixedLengthBytes || !fixedPart[..8].SequenceEqual(Magic))
            throw segment.Damaged(0, "it does not begin with a segment header");
        int version = BinaryPrimitives.ReadUInt16LittleEndian(fixedPart[8..]);
        int flags = BinaryPrimitives.ReadUInt16LittleEndian(fixedPart[10..]);

        length = BinaryPrimitives.ReadInt32LittleEndian(fixedPart[12..]);
        if (length is < FixedLengthBytes + 8 or > LengthBytesMax || length > file.Length)
            throw segment.Damaged(0, "its header's length is impossible");

        byte[] bytes = new byte[length];
        if (file.Read(bytes, 0) < length
            || XxHash3.HashToUInt64(bytes.AsSpan(..^8)) != BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(^8..)))
        {
            throw segment.Damaged(0, "its header's checksum is wrong");
        }

        // Magic, version, length and hash stay where they are in every format: only what is intact says what it is.
        if (version > FormatVersion)
            throw StoreException.Unsupported($"Log segment '{segment.FileName}'", version, FormatVersion);
        int identityLength = BinaryPrimitives.ReadInt32LittleEndian(fixedPart[24..]);
        int contentStart = FixedLengthBytes + (flags == 0 ? 0 : AtRestCipher.EnvelopeLengthBytes);
        if (identityLength is < 0 or > IdentityLengthBytesMax || contentStart + identityLength + 4 + 8 > length)
            throw segment.Damaged(0, "its header's lengths are impossible");

        long basePosition = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(16));
        if (basePosition != segment.BasePosition)
            throw segment.Damaged(0, $"its header says that it begins at position {basePosition}");
        if (flags > EncryptedFlag)
            throw segment.Damaged(0, $"its header has unknown flags, {flags}");
        if ((flags == EncryptedFlag) != (cipher is not null))
        {
            throw flags == 0
                ? new StoreException(StoreError.NotEncrypted, $"Log segment '{segment.FileName}' is not encrypted, and a key was given.")
                : new StoreException(StoreError.KeyRequired, $"Log segment '{segment.FileName}' is encrypted, and no key was given.");
        }
        Span<byte> content = bytes.AsSpan(contentStart..^8);
        if (cipher is not null
            && !cipher.TryOpen(content, bytes.AsSpan(FixedLengthBytes, AtRestCipher.EnvelopeLengthBytes), bytes.AsSpan(0, FixedLengthBytes)))
            throw segment.Damaged(0, "its header was not sealed under this replica's key");
        if (!LogVector.TryDecode(content[identityLength..], out LogVector? start))
            throw segment.Damaged(0, "its start vector is malformed");
        return new SegmentHeader(bytes.AsMemory(contentStart, identityLength), basePosition, start);
    }
}
