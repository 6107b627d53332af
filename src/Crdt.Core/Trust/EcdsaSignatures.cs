using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Crdt;

/// <summary>ECDSA over the curve P-256 with SHA-256, as the platform brings it: the product's scheme.</summary>
/// <remarks>A public key is the uncompressed point: a byte 4, X, Y; 65 bytes. A signature is r, then s, 64 bytes
/// (IEEE P1363): fixed lengths, so that nothing has to be parsed before it is verified.</remarks>
public sealed class EcdsaSignatures : SignatureScheme
{
    /// <summary>A public key takes 65 bytes.</summary>
    public const int PublicKeyLengthBytes = 65;

    /// <summary>A signature takes 64 bytes.</summary>
    public const int SignatureLengthBytes = 64;

    private const int CoordinateLengthBytes = 32;

    // To take a key in costs more than to verify with it: those in use are kept, more than a space has authors at work.
    private const int KeptKeysMax = 1_024;

    private readonly ConcurrentDictionary<string, ECDsa> kept = new();

    private EcdsaSignatures()
    {
    }

    /// <summary>The scheme.</summary>
    public static EcdsaSignatures Instance { get; } = new();

    /// <inheritdoc/>
    public override string Name => "ecdsa-p256-sha256";

    /// <summary>Makes a fresh key, of the platform's randomness.</summary>
    public static EcdsaNodeKey CreateKey()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new EcdsaNodeKey(key.ExportParameters(includePrivateParameters: true));
    }

    /// <summary>Reads a private key.</summary>
    /// <param name="pkcs8">PKCS#8, not encrypted, and nothing behind it.</param>
    /// <exception cref="CryptographicException">It is something else, or a key of another kind.</exception>
    public static EcdsaNodeKey ImportKey(ReadOnlySpan<byte> pkcs8)
    {
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(pkcs8, out int lengthBytes);
        if (lengthBytes != pkcs8.Length) throw new CryptographicException("There is more behind the private key.");
        ECParameters parameters = key.ExportParameters(includePrivateParameters: true);
        if (key.KeySize != 8 * CoordinateLengthBytes || parameters.Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value)
            throw new CryptographicException("The private key is of another curve than P-256.");
        return new EcdsaNodeKey(parameters);
    }

    /// <inheritdoc/>
    public override bool IsPublicKey(ReadOnlySpan<byte> publicKey)
    {
        if (!HasForm(publicKey)) return false;
        try
        {
            Import(publicKey).Dispose();
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public override bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        if (!HasForm(publicKey) || signature.Length != SignatureLengthBytes) return false;
        try
        {
            ECDsa key = KeyOf(publicKey);
            // The platform's key objects do not promise to be used by two threads at a time.
            lock (key)
                return key.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
        catch (CryptographicException)
        {
            // A point that is not on the curve.
            return false;
        }
    }

    internal static byte[] PublicKeyOf(in ECParameters parameters) => [4, .. parameters.Q.X!, .. parameters.Q.Y!];

    private static bool HasForm(ReadOnlySpan<byte> publicKey) =>
        publicKey.Length == PublicKeyLengthBytes && publicKey[0] == 4;

    private ECDsa KeyOf(ReadOnlySpan<byte> publicKey)
    {
        string name = Convert.ToHexString(publicKey);
        if (kept.TryGetValue(name, out ECDsa? known)) return known;
        // What is let go of may be in use; nobody disposes of it but the collector.
        if (kept.Count >= KeptKeysMax) kept.Clear();
        return kept.GetOrAdd(name, Import(publicKey));
    }

    private static ECDsa Import(ReadOnlySpan<byte> publicKey) => ECDsa.Create(new ECParameters
    {
        Curve = ECCurve.NamedCurves.nistP256,
        Q = new ECPoint
        {
            X = publicKey.Slice(1, CoordinateLengthBytes).ToArray(),
            Y = publicKey[(1 + CoordinateLengthBytes)..].ToArray(),
        },
    });
}
