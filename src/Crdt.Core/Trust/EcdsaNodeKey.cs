using System.Security.Cryptography;

namespace Crdt;

/// <summary>A private key of <see cref="EcdsaSignatures"/> that is held in memory.</summary>
public sealed class EcdsaNodeKey : NodeKey, IDisposable
{
    private readonly Lock gate = new();
    private readonly ECDsa key;
    private readonly byte[] publicKey;

    internal EcdsaNodeKey(in ECParameters parameters)
    {
        key = ECDsa.Create(parameters);
        publicKey = EcdsaSignatures.PublicKeyOf(parameters);
    }

    /// <inheritdoc/>
    public override SignatureScheme Scheme => EcdsaSignatures.Instance;

    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> PublicKey => publicKey;

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The key was disposed.</exception>
    public override byte[] Sign(ReadOnlySpan<byte> data)
    {
        // The platform's key objects do not promise to be used by two threads at a time.
        lock (gate)
            return key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    /// <summary>The private key as PKCS#8, not encrypted, for <see cref="EcdsaSignatures.ImportKey"/>: whoever has it can
    /// sign as this node. Whoever keeps it must protect it.</summary>
    public byte[] ExportPkcs8()
    {
        lock (gate) return key.ExportPkcs8PrivateKey();
    }

    /// <summary>Forgets the key.</summary>
    public void Dispose()
    {
        lock (gate) key.Dispose();
    }
}
