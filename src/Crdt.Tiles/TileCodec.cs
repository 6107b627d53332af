using System.IO.Compression;

namespace Crdt.Tiles;

/// <summary>Packs and unpacks within bounds.</summary>
internal static class TileCodec
{
    /// <summary>Unpacks bytes that somebody else packed.</summary>
    /// <exception cref="TileException">They are damaged, become too large, or are packed in a way that is not read here.</exception>
    public static byte[] Unpack(ReadOnlyMemory<byte> packed, TileCompression compression, string what)
    {
        if (compression == TileCompression.None) return packed.ToArray();
        using var input = new MemoryStream(packed.ToArray(), writable: false);
        using Stream unpacking = compression switch
        {
            TileCompression.Gzip => new GZipStream(input, CompressionMode.Decompress),
            TileCompression.Brotli => new BrotliStream(input, CompressionMode.Decompress),
            _ => throw new TileException(TileError.Unsupported, $"The {what} is compressed as '{compression}', which is not read here."),
        };
        using var output = new MemoryStream();
        byte[] buffer = new byte[16 << 10];
        try
        {
            for (int read; (read = unpacking.Read(buffer)) > 0;)
            {
                if (output.Length + read > TileLimits.UnpackedBytesMax)
                    throw new TileException(TileError.TooLarge, $"The {what} unpacks to more than {TileLimits.UnpackedBytesMax} bytes.");
                output.Write(buffer, 0, read);
            }
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException or IOException)
        {
            throw new TileException(TileError.Damaged, $"The {what} cannot be unpacked: {e.Message}", e);
        }
        return output.ToArray();
    }

    /// <summary>Packs with gzip, which every reader of tiles knows.</summary>
    public static byte[] Gzip(ReadOnlySpan<byte> bytes)
    {
        using var output = new MemoryStream();
        using (var packing = new GZipStream(output, CompressionLevel.SmallestSize, leaveOpen: true)) packing.Write(bytes);
        return output.ToArray();
    }

    /// <summary>Whether bytes begin as gzip does.</summary>
    public static bool IsGzip(ReadOnlySpan<byte> bytes) => bytes is [0x1f, 0x8b, ..];
}
