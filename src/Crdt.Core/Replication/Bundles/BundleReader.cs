using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;

namespace Crdt;

/// <summary>Reads the frames of a bundle, each once its check-sum is right.</summary>
internal sealed class BundleReader(Stream input) : IDisposable
{
    private const int FirstPieceLengthBytes = 64 << 10;

    private readonly IncrementalHash whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] small = new byte[SHA256.HashSizeInBytes];

    public long LengthBytes { get; private set; }

    /// <exception cref="BundleException">It is no bundle, or of a later format.</exception>
    public async ValueTask<Bundle> ReadHeaderAsync(CancellationToken cancellationToken)
    {
        int read = await input.ReadAtLeastAsync(
            small.AsMemory(0, BundleFormat.PreludeLengthBytes), BundleFormat.PreludeLengthBytes, false, cancellationToken)
            .ConfigureAwait(false);
        if (read < BundleFormat.PreludeLengthBytes || !small.AsSpan(0, BundleFormat.Magic.Length).SequenceEqual(BundleFormat.Magic))
            throw new BundleException(BundleError.NotABundle, "The file is no bundle: it begins otherwise.");
        Count(read);
        int version = BinaryPrimitives.ReadUInt16BigEndian(small.AsSpan(BundleFormat.Magic.Length));
        if (version != BundleFormat.Version)
        {
            throw new BundleException(BundleError.UnknownFormat,
                $"The bundle is of format {version}; this program reads format {BundleFormat.Version}.");
        }
        ReadOnlyMemory<byte> header = await ReadAsync(cancellationToken).ConfigureAwait(false)
            ?? throw new BundleException(BundleError.Damaged, "The bundle has no header.");
        return BundleFormat.DecodeHeader(header);
    }

    /// <summary>The next message.</summary>
    /// <returns><see langword="null"/> at the end, which was found right.</returns>
    /// <exception cref="BundleException">It is damaged, or ends early.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellationToken)
    {
        long at = LengthBytes;
        await FillAsync(small.AsMemory(0, sizeof(int)), cancellationToken).ConfigureAwait(false);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(small);
        if (length == 0)
        {
            await ReadEndAsync(cancellationToken).ConfigureAwait(false);
            return null;
        }
        if (length > BundleFormat.FrameLengthBytesMax)
            throw new BundleException(BundleError.Damaged, $"The bundle is damaged at byte {at}: a message of {length} bytes.");
        await FillAsync(small.AsMemory(0, sizeof(ulong)), cancellationToken).ConfigureAwait(false);
        ulong sum = BinaryPrimitives.ReadUInt64BigEndian(small);
        byte[] payload = await ReadPayloadAsync((int)length, cancellationToken).ConfigureAwait(false);
        return XxHash64.HashToUInt64(payload) == sum ? payload : throw new BundleException(BundleError.Damaged,
            $"The bundle is damaged in the {length} bytes from byte {at} on: their check-sum is another one.");
    }

    public void Dispose() => whole.Dispose();

    /// <summary>Takes memory as the bytes come: a length that is only announced costs nothing.</summary>
    private async ValueTask<byte[]> ReadPayloadAsync(int length, CancellationToken cancellationToken)
    {
        byte[] payload = new byte[Math.Min(length, FirstPieceLengthBytes)];
        for (int filled = 0; ; Array.Resize(ref payload, (int)Math.Min(length, 2L * payload.Length)))
        {
            await FillAsync(payload.AsMemory(filled), cancellationToken).ConfigureAwait(false);
            filled = payload.Length;
            if (filled == length) return payload;
        }
    }

    private async ValueTask ReadEndAsync(CancellationToken cancellationToken)
    {
        byte[] expected = whole.GetCurrentHash();
        await FillAsync(small, cancellationToken).ConfigureAwait(false);
        if (!small.AsSpan().SequenceEqual(expected))
            throw new BundleException(BundleError.Damaged, "The bundle is damaged: it does not lead to the hash at its end.");
    }

    private async ValueTask FillAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int read = await input.ReadAtLeastAsync(buffer, buffer.Length, false, cancellationToken).ConfigureAwait(false);
        if (read < buffer.Length)
            throw new BundleException(BundleError.Incomplete, $"The bundle ends early, at byte {LengthBytes + read}.");
        whole.AppendData(buffer.Span);
        LengthBytes += read;
    }

    private void Count(int length)
    {
        whole.AppendData(small.AsSpan(0, length));
        LengthBytes += length;
    }
}
