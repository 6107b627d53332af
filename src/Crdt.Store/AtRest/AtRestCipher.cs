using System.Security.Cryptography;

namespace Crdt.Store.AtRest;

/// <summary>XAES-256-GCM (C2SP): AES-256-GCM under a key derived for each message from a random nonce of 192 bits, so that
/// no nonce repeats however many messages there are, and whatever is restored, copied or cut off and written again.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class AtRestCipher : IDisposable
{
    public const int KeyLengthBytes = 32;

    /// <summary>What a sealed message takes beside its content: nonce 24, tag 16.</summary>
    public const int EnvelopeLengthBytes = NonceLengthBytes + TagLengthBytes;

    private const int NonceLengthBytes = 24;
    private const int TagLengthBytes = 16;
    private const int BlockLengthBytes = 16;
    private const int DerivingLengthBytes = 12;

    private readonly Aes root;
    private readonly byte[] mask;
    private readonly byte[] names = new byte[KeyLengthBytes];

    /// <param name="key">32 bytes; copied.</param>
    public AtRestCipher(ReadOnlySpan<byte> key)
    {
        root = Aes.Create();
        root.Key = key.ToArray();
        mask = new byte[BlockLengthBytes];
        root.EncryptEcb(mask, mask, PaddingMode.None);
        Double(mask);
        HKDF.Expand(HashAlgorithmName.SHA256, key, names, "crdt file names v1"u8);
    }

    /// <summary>A name for a file that tells nothing without the key.</summary>
    /// <param name="meaning">What the name stands for.</param>
    public byte[] NameOf(ReadOnlySpan<byte> meaning) => HMACSHA256.HashData(names, meaning);

    /// <summary>Seals content where it lies.</summary>
    /// <param name="content">Is replaced by what is written to the disk.</param>
    /// <param name="envelope">Takes nonce and tag; <see cref="EnvelopeLengthBytes"/> long.</param>
    /// <param name="associated">What the content belongs to: opening it as anything else fails.</param>
    public void Seal(Span<byte> content, Span<byte> envelope, ReadOnlySpan<byte> associated)
    {
        RandomNumberGenerator.Fill(envelope[..NonceLengthBytes]);
        Seal(content, envelope, associated, envelope[..NonceLengthBytes]);
    }

    /// <summary>Opens content where it lies.</summary>
    /// <returns>False if it was not sealed by this key for this place, or was changed; the content is then void.</returns>
    public bool TryOpen(Span<byte> content, ReadOnlySpan<byte> envelope, ReadOnlySpan<byte> associated)
    {
        try
        {
            using AesGcm gcm = Derive(envelope[..DerivingLengthBytes]);
            gcm.Decrypt(
                envelope[DerivingLengthBytes..NonceLengthBytes], content, envelope[NonceLengthBytes..], content, associated);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(names);
        root.Dispose();
    }

    // The nonce is a parameter for the test against the published vectors only.
    internal void Seal(Span<byte> content, Span<byte> envelope, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> nonce)
    {
        nonce.CopyTo(envelope);
        using AesGcm gcm = Derive(nonce[..DerivingLengthBytes]);
        gcm.Encrypt(nonce[DerivingLengthBytes..], content, content, envelope[NonceLengthBytes..], associated);
    }

    private AesGcm Derive(ReadOnlySpan<byte> nonce)
    {
        Span<byte> blocks = stackalloc byte[2 * BlockLengthBytes];
        blocks.Clear();
        for (int i = 0; i < 2; i++)
        {
            Span<byte> block = blocks.Slice(i * BlockLengthBytes, BlockLengthBytes);
            (block[1], block[2]) = ((byte)(i + 1), (byte)'X');
            nonce.CopyTo(block[4..]);
            for (int b = 0; b < BlockLengthBytes; b++) block[b] ^= mask[b];
        }
        Span<byte> key = stackalloc byte[KeyLengthBytes];
        lock (root)
            root.EncryptEcb(blocks, key, PaddingMode.None);
        var gcm = new AesGcm(key, TagLengthBytes);
        CryptographicOperations.ZeroMemory(key);
        return gcm;
    }

    // In GF(2^128), as CMAC's first subkey.
    private static void Double(Span<byte> block)
    {
        int carry = block[0] >> 7;
        for (int i = 0; i < BlockLengthBytes - 1; i++) block[i] = (byte)((block[i] << 1) | (block[i + 1] >> 7));
        block[^1] = (byte)((block[^1] << 1) ^ (carry * 0x87));
    }
}
