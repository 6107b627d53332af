using Crdt.Testing;

namespace Crdt.Properties;

/// <summary>What every scheme of signing does, whatever it is made of.</summary>
public abstract class SignatureConformance
{
    private static readonly byte[] Data = "a gull on runway 27"u8.ToArray();

    internal abstract NodeKey Own { get; }

    internal abstract NodeKey Other { get; }

    private SignatureScheme Scheme => Own.Scheme;

    [Fact]
    public void What_was_signed_verifies_and_nothing_else_does()
    {
        byte[] signature = Own.Sign(Data);
        Assert.InRange(signature.Length, 1, SignatureScheme.SignatureLengthBytesMax);
        Assert.True(Scheme.Verify(Own.PublicKey.Span, Data, signature));
        Assert.False(Scheme.Verify(Other.PublicKey.Span, Data, signature));
        Assert.False(Scheme.Verify(Own.PublicKey.Span, Data.AsSpan(1), signature));
        Assert.False(Scheme.Verify(Own.PublicKey.Span, Data, Other.Sign(Data)));
        for (int i = 0; i < signature.Length; i++)
        {
            byte[] changed = [.. signature];
            changed[i] ^= 0x10;
            Assert.False(Scheme.Verify(Own.PublicKey.Span, Data, changed));
        }
    }

    [Fact]
    public void No_input_gets_anything_but_yes_or_no()
    {
        var random = new Random(7);
        byte[] signature = Own.Sign(Data), key = Own.PublicKey.ToArray();
        for (int length = 0; length <= SignatureScheme.PublicKeyLengthBytesMax; length++)
        {
            byte[] junk = new byte[length];
            Assert.False(Scheme.Verify(junk, Data, signature));
            Assert.False(Scheme.Verify(key, Data, junk));
            random.NextBytes(junk);
            Assert.False(Scheme.Verify(junk, Data, signature));
            Assert.False(Scheme.Verify(key, Data, junk));
        }
    }

    [Fact]
    public void A_public_key_is_told_from_what_is_none()
    {
        Assert.InRange(Own.PublicKey.Length, 1, SignatureScheme.PublicKeyLengthBytesMax);
        Assert.True(Scheme.IsPublicKey(Own.PublicKey.Span));
        Assert.False(Scheme.IsPublicKey(Own.PublicKey.Span[1..]));
        Assert.False(Scheme.IsPublicKey([]));
        Assert.InRange(Scheme.Name.Length, 1, FormatLimits.NameLengthBytesMax);
    }
}

public sealed class DeterministicSignatureTests : SignatureConformance
{
    internal override NodeKey Own => DeterministicSignatures.KeyOf(1);

    internal override NodeKey Other => DeterministicSignatures.KeyOf(2);

    [Fact]
    public void The_same_is_signed_the_same_way_each_time() =>
        Assert.Equal(DeterministicSignatures.KeyOf(1).Sign([1, 2]), DeterministicSignatures.KeyOf(1).Sign([1, 2]));
}

public sealed class EcdsaSignatureTests : SignatureConformance, IDisposable
{
    // RFC 6979, appendix A.2.5: the key pair, and its signature of "sample" with SHA-256.
    private const string RfcPublicKey = "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
        + "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299";

    private const string RfcSignature = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        + "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";

    private readonly EcdsaNodeKey own = EcdsaSignatures.CreateKey();
    private readonly EcdsaNodeKey other = EcdsaSignatures.CreateKey();

    internal override NodeKey Own => own;

    internal override NodeKey Other => other;

    public void Dispose()
    {
        own.Dispose();
        other.Dispose();
    }

    [Fact]
    [Trait("Spec", "WF-7.1")]
    public void Keys_and_signatures_have_the_form_that_others_use()
    {
        byte[] key = Convert.FromHexString(RfcPublicKey), signature = Convert.FromHexString(RfcSignature);
        Assert.True(EcdsaSignatures.Instance.IsPublicKey(key));
        Assert.True(EcdsaSignatures.Instance.Verify(key, "sample"u8, signature));
        Assert.False(EcdsaSignatures.Instance.Verify(key, "simple"u8, signature));
        Assert.Equal((65, 64), (own.PublicKey.Length, own.Sign([1]).Length));
        Assert.Equal("ecdsa-p256-sha256", EcdsaSignatures.Instance.Name);
    }

    [Fact]
    public void A_point_beside_the_curve_is_no_key()
    {
        byte[] key = own.PublicKey.ToArray();
        key[^1] ^= 1;
        Assert.False(EcdsaSignatures.Instance.IsPublicKey(key));
        Assert.False(EcdsaSignatures.Instance.Verify(key, [1], own.Sign([1])));
        Assert.False(EcdsaSignatures.Instance.IsPublicKey([4, .. new byte[64]]));
    }

    [Fact]
    public void A_private_key_that_was_kept_signs_again()
    {
        using EcdsaNodeKey kept = EcdsaSignatures.ImportKey(own.ExportPkcs8());
        Assert.Equal(own.PublicKey.ToArray(), kept.PublicKey.ToArray());
        Assert.True(own.Scheme.Verify(own.PublicKey.Span, [1], kept.Sign([1])));
    }

    [Fact]
    public void What_is_no_private_key_of_the_curve_is_not_taken()
    {
        byte[] pkcs8 = own.ExportPkcs8();
        Assert.ThrowsAny<System.Security.Cryptography.CryptographicException>(() => EcdsaSignatures.ImportKey(pkcs8.AsSpan(1)));
        Assert.ThrowsAny<System.Security.Cryptography.CryptographicException>(() => EcdsaSignatures.ImportKey([.. pkcs8, 0]));
        using var larger = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP384);
        Assert.ThrowsAny<System.Security.Cryptography.CryptographicException>(
            () => EcdsaSignatures.ImportKey(larger.ExportPkcs8PrivateKey()));
    }
}
