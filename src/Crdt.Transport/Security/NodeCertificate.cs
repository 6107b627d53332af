using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Crdt.Transport.Security;

/// <summary>A node's key in the form that TLS wants: a self-signed certificate. Only the key in it counts; name, serial
/// number and times say nothing, and nobody looks at them.</summary>
internal static class NodeCertificate
{
    private const string EcPublicKeyOid = "1.2.840.10045.2.1";

    /// <summary>A certificate takes at most so many bytes; ours have about 300.</summary>
    public const int LengthBytesMax = 4 << 10;

    // The encoded parameters of an EC key: the object identifier of P-256, 1.2.840.10045.3.1.7.
    private static ReadOnlySpan<byte> P256Parameters => [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

    /// <summary>Makes a certificate of a key, ready for any number of connections.</summary>
    public static SslStreamCertificateContext Create(EcdsaNodeKey key)
    {
        using ECDsa ecdsa = ECDsa.Create();
        byte[] pkcs8 = key.ExportPkcs8();
        ecdsa.ImportPkcs8PrivateKey(pkcs8, out _);
        CryptographicOperations.ZeroMemory(pkcs8);
        var request = new CertificateRequest("CN=crdt", ecdsa, HashAlgorithmName.SHA256);
        // From the last second that every TLS library reads alike, to the last: a device's clock may say anything.
        X509Certificate2 certificate = request.CreateSelfSigned(
            new DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2049, 12, 31, 0, 0, 0, TimeSpan.Zero));
        if (OperatingSystem.IsWindows())
        {
            // Schannel takes no key that exists in memory only: a round trip through PKCS#12 gives it one.
            byte[] pfx = certificate.Export(X509ContentType.Pfx);
            certificate.Dispose();
            certificate = X509CertificateLoader.LoadPkcs12(pfx, password: null);
            CryptographicOperations.ZeroMemory(pfx);
        }
        return SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true);
    }

    /// <summary>The public key of a certificate, as spaces know it.</summary>
    /// <returns><see langword="null"/> for a key of another kind, and for a certificate that is too long.</returns>
    public static byte[]? KeyOf(X509Certificate? certificate)
    {
        if (certificate is not X509Certificate2 read || read.RawDataMemory.Length > LengthBytesMax)
            return null;
        try
        {
            PublicKey key = read.PublicKey;
            if (key.Oid.Value != EcPublicKeyOid || key.EncodedParameters is not { } parameters
                || !parameters.RawData.AsSpan().SequenceEqual(P256Parameters))
                return null;
            byte[] point = key.EncodedKeyValue.RawData;
            return EcdsaSignatures.Instance.IsPublicKey(point) ? point : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
