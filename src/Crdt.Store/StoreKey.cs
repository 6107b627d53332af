using System.Security.Cryptography;
using System.Text;
using Crdt.Store.AtRest;

namespace Crdt.Store;

/// <summary>What opens an encrypted replica: a passphrase, or a key of 32 bytes that the application keeps. It wraps the
/// random key under which everything is written, so changing it rewrites one small file.</summary>
/// <remarks>Whoever makes it disposes of it, which wipes it from memory, once the store has been opened.</remarks>
public sealed class StoreKey : IDisposable
{
    /// <summary>Length of an application's own key.</summary>
    public const int LengthBytes = AtRestCipher.KeyLengthBytes;

    /// <summary>Rounds of PBKDF2-HMAC-SHA256 for a new passphrase unless said otherwise: about 0.2 s on a desktop. The number
    /// that was used stands in the file.</summary>
    public const int DefaultIterations = 600_000;

    // A file of an enemy's making may not keep the opening busy for longer than about 10 s.
    internal const int IterationsMax = 30_000_000;
    internal const int SaltLengthBytes = 16;

    private readonly byte[] secret;

    private StoreKey(byte[] secret, int iterations) => (this.secret, Iterations) = (secret, iterations);

    internal bool IsPassphrase => Iterations > 0;

    internal int Iterations { get; }

    /// <summary>A key that the application keeps, from the platform's key store for instance.</summary>
    /// <param name="key">32 random bytes; copied.</param>
    /// <exception cref="ArgumentException">It has another length.</exception>
    public static StoreKey FromBytes(ReadOnlySpan<byte> key)
    {
        if (key.Length != LengthBytes)
            throw new ArgumentException($"A key has {LengthBytes} bytes, not {key.Length}.", nameof(key));
        return new StoreKey(key.ToArray(), 0);
    }

    /// <summary>A passphrase that a person knows. Its letters are taken as they are given: two Unicode forms of one
    /// word are two passphrases.</summary>
    /// <param name="passphrase">Not empty.</param>
    /// <param name="iterations">Rounds for files that are written with it, 1,000 to 30,000,000; files that are read say
    /// themselves.</param>
    /// <exception cref="ArgumentException">The passphrase is empty, or not well-formed.</exception>
    public static StoreKey FromPassphrase(string passphrase, int iterations = DefaultIterations)
    {
        ArgumentException.ThrowIfNullOrEmpty(passphrase);
        ArgumentOutOfRangeException.ThrowIfLessThan(iterations, 1_000);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(iterations, IterationsMax);
        return new StoreKey(new UTF8Encoding(false, true).GetBytes(passphrase), iterations);
    }

    /// <summary>Wipes the secret from memory.</summary>
    public void Dispose() => CryptographicOperations.ZeroMemory(secret);

    /// <summary>The secret as the password of a standard format; an application's key as hexadecimal digits.</summary>
    internal string ToPassword() => IsPassphrase ? Encoding.UTF8.GetString(secret) : Convert.ToHexString(secret);

    /// <summary>The key that wraps the data key of one file.</summary>
    internal AtRestCipher ToWrappingCipher(ReadOnlySpan<byte> salt, int iterations)
    {
        Span<byte> key = stackalloc byte[LengthBytes];
        if (IsPassphrase) Rfc2898DeriveBytes.Pbkdf2(secret, salt, key, iterations, HashAlgorithmName.SHA256);
        else HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, key, salt, "crdt store key v1"u8);
        var cipher = new AtRestCipher(key);
        CryptographicOperations.ZeroMemory(key);
        return cipher;
    }
}
