using System.IO.Compression;

namespace Crdt.Transport.Sessions;

/// <summary>One direction of a space's messages as one DEFLATE stream (RFC 1951), cut into a piece for each message.</summary>
/// <remarks>Each piece ends with an empty stored block, whose last four bytes are always the same and left out, as in RFC 7692.
/// The stream takes some 300 KB while it lives.</remarks>
internal sealed class MessagePacker : IDisposable
{
    /// <summary>How a piece ends, and does not say.</summary>
    public static ReadOnlySpan<byte> End => [0x00, 0x00, 0xff, 0xff];

    // Messages up to this length are always packed: what is in them has not been compressed (WF-2.2), and was told before in part.
    private const int SmallLengthBytes = 192;

    // Of longer ones so many bytes are looked at.
    private const int SampleLengthBytes = 1_024;

    // A sample in which as many pairs of equal bytes occur as if all values were equally likely, with a little room: packed already.
    private const int PairsOfNoiseMax = SampleLengthBytes * SampleLengthBytes / 2 / 256 * 5 / 4;

    private const int KeptLengthBytesMax = 64 << 10;

    private readonly MemoryStream pieces = new();
    private DeflateStream? stream;

    /// <summary>When it was used last.</summary>
    public long UsedAt { get; set; }

    /// <summary>Whether a message may get shorter: not one of batches or chunks that are compressed already.</summary>
    public static bool IsWorthIt(ReadOnlySpan<byte> message)
    {
        if (message.Length <= SmallLengthBytes)
            return true;
        ReadOnlySpan<byte> sample = message.Length <= SampleLengthBytes
            ? message
            : message.Slice((message.Length - SampleLengthBytes) / 2, SampleLengthBytes);
        Span<int> counts = stackalloc int[256];
        counts.Clear();
        foreach (byte value in sample)
            counts[value]++;
        long pairs = 0;
        foreach (int count in counts)
            pairs += (long)count * (count - 1) / 2;
        return pairs > (long)PairsOfNoiseMax * sample.Length * sample.Length / (SampleLengthBytes * SampleLengthBytes);
    }

    /// <summary>Packs the next message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="isAnew">Whether a stream begins with it.</param>
    /// <returns>The piece, until the next call.</returns>
    public ReadOnlySpan<byte> Pack(ReadOnlySpan<byte> message, out bool isAnew)
    {
        isAnew = stream is null;
        stream ??= new DeflateStream(pieces, CompressionLevel.Fastest, leaveOpen: true);
        pieces.SetLength(0);
        if (pieces.Capacity > KeptLengthBytesMax)
            pieces.Capacity = 0;
        stream.Write(message);
        stream.Flush();
        ReadOnlySpan<byte> piece = pieces.GetBuffer().AsSpan(0, (int)pieces.Length);
        return piece.EndsWith(End)
            ? piece[..^End.Length]
            : throw new InvalidOperationException("A flushed stream does not end as one.");
    }

    /// <summary>Lets go of the stream; the next message begins one anew.</summary>
    public void Release()
    {
        stream?.Dispose();
        stream = null;
        pieces.SetLength(0);
        pieces.Capacity = 0;
    }

    public void Dispose()
    {
        Release();
        pieces.Dispose();
    }
}
