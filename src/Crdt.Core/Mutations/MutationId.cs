using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Crdt;

/// <summary>A mutation's public UUID: derived from its dot, so it is never sent, and every replica names it alike.</summary>
/// <remarks>One AES-128 block: key = the 16 bytes of the <see cref="ReplicaId"/>, plaintext = the sequence as 16 bytes
/// big endian; then the version and variant bits. An identifier, not a secret. Source: semantics 9.</remarks>
public static class MutationId
{
    private const int BlockLengthBytes = 16;

    // Six bits of the block are lost to version and variant: so many blocks may have been it.
    private const int Candidates = 64;

    /// <summary>The version 4 UUID of the mutation <paramref name="dot"/>.</summary>
    public static Guid Of(Dot dot)
    {
        Span<byte> key = stackalloc byte[ReplicaId.LengthBytes];
        Span<byte> block = stackalloc byte[BlockLengthBytes];
        dot.Replica.WriteBytes(key);
        block.Clear();
        BinaryPrimitives.WriteInt64BigEndian(block[8..], dot.Sequence);
        using var aes = Aes.Create();
        aes.SetKey(key);
        aes.EncryptEcb(block, block, PaddingMode.None);
        return Uuid.Version4(block);
    }

    /// <summary>Finds the mutation that a UUID names, whether it is held or not. Needs no index: a few microseconds for each
    /// author.</summary>
    /// <param name="id">The UUID.</param>
    /// <param name="authors">Who may have made it.</param>
    /// <returns><see langword="null"/> when it is none of these authors'.</returns>
    public static Dot? Find(Guid id, IEnumerable<ReplicaId> authors)
    {
        ArgumentNullException.ThrowIfNull(authors);
        Span<byte> image = stackalloc byte[BlockLengthBytes];
        id.TryWriteBytes(image, bigEndian: true, out _);
        if (id != Uuid.Version4(image)) return null;
        byte[] images = new byte[Candidates * BlockLengthBytes], plain = new byte[images.Length];
        for (int c = 0; c < Candidates; c++)
        {
            Span<byte> candidate = images.AsSpan(c * BlockLengthBytes, BlockLengthBytes);
            image.CopyTo(candidate);
            candidate[6] = (byte)((candidate[6] & 0x0F) | (c >> 2 << 4));
            candidate[8] = (byte)((candidate[8] & 0x3F) | (c << 6));
        }
        Span<byte> key = stackalloc byte[ReplicaId.LengthBytes];
        using var aes = Aes.Create();
        foreach (ReplicaId author in authors)
        {
            author.WriteBytes(key);
            aes.SetKey(key);
            aes.DecryptEcb(images, plain, PaddingMode.None);
            for (int c = 0; c < Candidates; c++)
            {
                ReadOnlySpan<byte> block = plain.AsSpan(c * BlockLengthBytes, BlockLengthBytes);
                if (BinaryPrimitives.ReadInt64BigEndian(block) != 0) continue;
                long sequence = BinaryPrimitives.ReadInt64BigEndian(block[8..]);
                if (sequence is >= 1 and <= Dot.SequenceMax) return new Dot(author, sequence);
            }
        }
        return null;
    }
}
