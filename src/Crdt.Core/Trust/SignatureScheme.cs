namespace Crdt;

/// <summary>A way of signing: what a public key and a signature are, and whether they belong together. A space is
/// founded under one scheme, whose name its genesis carries.</summary>
/// <remarks>Derive from it to bring another one, as tests do to repeat a seed. Implementations are safe for concurrent
/// use, and answer every input with yes or no: they are handed foreign bytes.</remarks>
public abstract class SignatureScheme
{
    /// <summary>A signature takes at most so many bytes, whatever the scheme: 128.</summary>
    public const int SignatureLengthBytesMax = 128;

    /// <summary>A public key takes at most so many bytes, whatever the scheme: 256.</summary>
    public const int PublicKeyLengthBytesMax = 256;

    /// <summary>Its name in the genesis; 1 to 255 bytes of UTF-8.</summary>
    public abstract string Name { get; }

    /// <summary>Whether the bytes are a public key of this scheme.</summary>
    public abstract bool IsPublicKey(ReadOnlySpan<byte> publicKey);

    /// <summary>Whether <paramref name="signature"/> was made over <paramref name="data"/> with the key that belongs to
    /// <paramref name="publicKey"/>. <see langword="false"/>, and no exception, for whatever is no key or no
    /// signature.</summary>
    public abstract bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature);
}
