using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Crdt;

/// <summary>A mutation's public UUID: derived from its dot, so it is never sent, and every replica names it alike.</summary>
/// <remarks>One AES-128 block: key = the 16 bytes of the <see cref="ReplicaId"/>, plaintext = the sequence as 16 bytes
/// big endian; then the version and variant bits. An identifier, not a secret. Source: semantics 9.</remarks>
public static class MutationId
{
    /// <summary>The version 4 UUID of the mutation <paramref name="dot"/>.</summary>
    public static Guid Of(Dot dot)
    {
        Span<byte> key = stackalloc byte[ReplicaId.LengthBytes];
        Span<byte> block = stackalloc byte[16];
        dot.Replica.WriteBytes(key);
        block.Clear();
        BinaryPrimitives.WriteInt64BigEndian(block[8..], dot.Sequence);
        using var aes = Aes.Create();
        aes.SetKey(key);
        aes.EncryptEcb(block, block, PaddingMode.None);
        return Uuid.Version4(block);
    }
}
