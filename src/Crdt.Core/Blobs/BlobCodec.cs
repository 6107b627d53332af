using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using MessagePack;

namespace Crdt;

/// <summary>A blob as a MessagePack extension: root 32, SHA-256 32, size 8 (big-endian), length of the media type 1, media
/// type, and the name to the end. There is one form of each.</summary>
internal static class BlobCodec
{
    /// <summary>MessagePack extension type of a blob.</summary>
    public const sbyte ExtensionType = 2;

    /// <summary>The longest content of the extension.</summary>
    public const int LengthBytesMax = FixedLengthBytes + Blob.MediaTypeLengthMax + FormatLimits.NameLengthBytesMax;

    private const int FixedLengthBytes = (2 * BlobHash.LengthBytes) + sizeof(long) + 1;

    public static void Write(ref MessagePackWriter writer, Blob blob)
    {
        int length = FixedLengthBytes + blob.MediaType.Length + Encoding.UTF8.GetByteCount(blob.Name);
        writer.WriteExtensionFormatHeader(new ExtensionHeader(ExtensionType, length));
        Span<byte> bytes = writer.GetSpan(length);
        blob.Root.WriteBytes(bytes);
        blob.Sha256.WriteBytes(bytes[BlobHash.LengthBytes..]);
        BinaryPrimitives.WriteInt64BigEndian(bytes[(2 * BlobHash.LengthBytes)..], blob.Size);
        bytes[FixedLengthBytes - 1] = (byte)blob.MediaType.Length;
        Encoding.UTF8.GetBytes(blob.MediaType, bytes[FixedLengthBytes..]);
        Encoding.UTF8.GetBytes(blob.Name, bytes[(FixedLengthBytes + blob.MediaType.Length)..]);
        writer.Advance(length);
    }

    /// <returns>What is wrong with it; <see langword="null"/> if nothing.</returns>
    public static string? Read(ReadOnlySpan<byte> bytes, out Blob? blob)
    {
        blob = null;
        if (bytes.Length < FixedLengthBytes || bytes.Length < FixedLengthBytes + bytes[FixedLengthBytes - 1])
            return "A blob is shorter than it must be";
        ReadOnlySpan<byte> text = bytes[FixedLengthBytes..];
        int mediaTypeLength = bytes[FixedLengthBytes - 1];
        string mediaType, name;
        try
        {
            mediaType = Utf8Name.Strict.GetString(text[..mediaTypeLength]);
            name = Utf8Name.Strict.GetString(text[mediaTypeLength..]);
        }
        catch (DecoderFallbackException)
        {
            return "A blob's name is not UTF-8";
        }
        long size = BinaryPrimitives.ReadInt64BigEndian(bytes[(2 * BlobHash.LengthBytes)..]);
        if (Blob.FindProblem(size, mediaType, name) is { } problem) return problem;
        blob = new Blob(
            BlobHash.FromBytes(bytes[..BlobHash.LengthBytes]),
            BlobHash.FromBytes(bytes.Slice(BlobHash.LengthBytes, BlobHash.LengthBytes)), size, mediaType, name);
        return null;
    }
}
