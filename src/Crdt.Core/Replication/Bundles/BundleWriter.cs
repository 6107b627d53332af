using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;

namespace Crdt;

/// <summary>Writes the frames of a bundle.</summary>
internal sealed class BundleWriter(Stream output) : IDisposable
{
    private readonly IncrementalHash whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public long LengthBytes { get; private set; }

    public async ValueTask BeginAsync(Bundle bundle, CancellationToken cancellationToken)
    {
        byte[] prelude = new byte[BundleFormat.PreludeLengthBytes];
        BundleFormat.Magic.CopyTo(prelude);
        BinaryPrimitives.WriteUInt16BigEndian(prelude.AsSpan(BundleFormat.Magic.Length), BundleFormat.Version);
        await WriteAsync(prelude, cancellationToken).ConfigureAwait(false);
        await WriteFrameAsync(BundleFormat.EncodeHeader(bundle), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask WriteFrameAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        byte[] header = new byte[BundleFormat.FrameHeaderLengthBytes];
        BinaryPrimitives.WriteInt32BigEndian(header, payload.Length);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(sizeof(int)), XxHash64.HashToUInt64(payload.Span));
        await WriteAsync(header, cancellationToken).ConfigureAwait(false);
        await WriteAsync(payload, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes the end: whoever reads it knows that it has read all.</summary>
    public async ValueTask EndAsync(CancellationToken cancellationToken)
    {
        await WriteAsync(new byte[sizeof(int)], cancellationToken).ConfigureAwait(false);
        await WriteAsync(whole.GetCurrentHash(), cancellationToken).ConfigureAwait(false);
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    public void Dispose() => whole.Dispose();

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        whole.AppendData(bytes.Span);
        LengthBytes += bytes.Length;
        await output.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
    }
}
