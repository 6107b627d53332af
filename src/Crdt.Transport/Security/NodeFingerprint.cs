using System.Security.Cryptography;

namespace Crdt.Transport.Security;

/// <summary>A node's identity as people and invitations name it: SHA-256 of its public key.</summary>
/// <remarks>Equality is that of the 32 bytes; <c>default</c> is that of no node.</remarks>
public readonly record struct NodeFingerprint
{
    /// <summary>Bytes of a fingerprint.</summary>
    public const int LengthBytes = 32;

    private const int ShownLength = 16;
    private const int GroupLength = 4;

    private readonly UInt128 high;
    private readonly UInt128 low;

    private NodeFingerprint(ReadOnlySpan<byte> hash)
    {
        high = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash);
        low = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash[(LengthBytes / 2)..]);
    }

    /// <summary>Whether it is that of no node.</summary>
    public bool IsEmpty => high == 0 && low == 0;

    /// <summary>The first 80 bits, in groups, for people to compare and for logs; nothing is decided by it.</summary>
    public string Short => string.Join('-', ToString()[..ShownLength].Chunk(GroupLength).Select(g => new string(g)));

    /// <summary>The fingerprint of a public key.</summary>
    public static NodeFingerprint Of(ReadOnlySpan<byte> publicKey) => new(SHA256.HashData(publicKey));

    /// <summary>Reads what <see cref="ToString"/> wrote, in either case, with or without hyphens.</summary>
    /// <returns>Whether it was that.</returns>
    public static bool TryParse(string? text, out NodeFingerprint fingerprint)
    {
        fingerprint = default;
        if (!Base32.TryRead(text?.Replace("-", "", StringComparison.Ordinal), LengthBytes, out byte[] bytes))
            return false;
        fingerprint = new NodeFingerprint(bytes);
        return true;
    }

    /// <summary>52 letters and digits: Base32 (RFC 4648) in lower case, without padding.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[LengthBytes];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, high);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes[(LengthBytes / 2)..], low);
        return Base32.Write(bytes);
    }
}
