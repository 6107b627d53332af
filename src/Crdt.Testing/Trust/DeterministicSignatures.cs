using System.Security.Cryptography;

namespace Crdt.Testing;

/// <summary>A scheme for tests and simulations, which protects nothing: a signature is a hash of the public key and of
/// what is signed, so that a run repeats byte for byte and costs next to nothing. ECDSA takes a fresh random number
/// for each signature: a seed would not repeat.</summary>
/// <remarks>Signatures take 64 bytes, as those of the product do. To forge one is to sign with another key.</remarks>
public sealed class DeterministicSignatures : SignatureScheme
{
    /// <summary>A public key takes 32 bytes.</summary>
    public const int PublicKeyLengthBytes = 32;

    private DeterministicSignatures()
    {
    }

    /// <summary>The scheme.</summary>
    public static DeterministicSignatures Instance { get; } = new();

    /// <inheritdoc/>
    public override string Name => "deterministic-for-tests";

    /// <summary>The key of that number: the same one each time.</summary>
    public static NodeKey KeyOf(long number) => new Key(SHA256.HashData(BitConverter.GetBytes(number)));

    /// <summary>The key that belongs to a replica id: the same one each time.</summary>
    public static NodeKey KeyOf(ReplicaId replica)
    {
        byte[] id = new byte[ReplicaId.LengthBytes];
        replica.WriteBytes(id);
        return new Key(SHA256.HashData(id));
    }

    /// <inheritdoc/>
    public override bool IsPublicKey(ReadOnlySpan<byte> publicKey) => publicKey.Length == PublicKeyLengthBytes;

    /// <inheritdoc/>
    public override bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        IsPublicKey(publicKey) && signature.SequenceEqual(Sign(publicKey, data));

    private static byte[] Sign(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> data)
    {
        // At one go: to set up a hash costs more than what is hashed here.
        byte[] joined = new byte[publicKey.Length + data.Length];
        publicKey.CopyTo(joined);
        data.CopyTo(joined.AsSpan(publicKey.Length));
        return SHA512.HashData(joined);
    }

    private sealed class Key(byte[] publicKey) : NodeKey
    {
        public override SignatureScheme Scheme => Instance;

        public override ReadOnlyMemory<byte> PublicKey => publicKey;

        public override byte[] Sign(ReadOnlySpan<byte> data) => DeterministicSignatures.Sign(publicKey, data);
    }
}
