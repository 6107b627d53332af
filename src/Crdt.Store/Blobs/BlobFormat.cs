using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;
using Crdt.Store.AtRest;

namespace Crdt.Store.Blobs;

/// <summary>How a blob lies in its file.</summary>
/// <remarks>
/// <para>Little-endian. Header · a record for each chunk, at a fixed stride · which chunks are there, a bit each · which were
/// found damaged, a bit each · the header again · once it is known, the SHA-256 of the whole, as a node of the number -1.</para>
/// <para>Header, 120: magic 8 · format version 2 · flags 2 (1: encrypted) · length of a chunk 4 · the file's random id 16 · root 32 ·
/// size 8 · nonce and tag 40 (zero where plain) · XxHash3 of all before 8. Root and size are sealed with what stands before
/// them.</para>
/// <para>Record i: node 2i + 1 of the tree · node 2i (the leaf) · the chunk's bytes · nonce and tag 40 (not where plain).
/// A node's number is <see cref="BlobTree.PositionOf"/>. A node: hash 32 · XxHash3 8, seeded with its number and the file's id, or
/// where encrypted nonce and tag 40. Nodes and chunks are sealed with the file's id, their kind and their number, so that none passes
/// for another. Each is written once: nothing that was durable is touched again while the rest arrives.</para>
/// </remarks>
internal sealed class BlobFormat
{
    public const int FormatVersion = 1;

    public const int HeaderLengthBytes = HeadLengthBytes + ContentLengthBytes + AtRestCipher.EnvelopeLengthBytes + CheckLengthBytes;

    private const long Sha256Position = -1;
    private const int IdLengthBytes = 16;
    private const int HeadLengthBytes = 8 + 2 + 2 + 4 + IdLengthBytes;
    private const int ContentLengthBytes = BlobHash.LengthBytes + sizeof(long);
    private const int CheckLengthBytes = sizeof(ulong);
    private const int AssociatedLengthBytes = IdLengthBytes + 1 + sizeof(long);
    private const byte NodeKind = (byte)'n', ChunkKind = (byte)'c';

    private readonly AtRestCipher? cipher;
    private readonly byte[] id;

    private BlobFormat(AtRestCipher? cipher, byte[] id) => (this.cipher, this.id) = (cipher, id);

    // "CRDTBLB" and a byte that a text-mode copy would change.
    private static ReadOnlySpan<byte> Magic => "CRDTBLB\x1a"u8;

    /// <summary>What a node takes.</summary>
    public int NodeLengthBytes => NodeLengthBytesOf(cipher);

    /// <summary>What a chunk takes beside its bytes.</summary>
    public int EnvelopeLengthBytes => cipher is null ? 0 : AtRestCipher.EnvelopeLengthBytes;

    /// <summary>A leaf and its chunk, which lie side by side.</summary>
    public int LeafAndChunkLengthBytes => NodeLengthBytes + BlobTree.ChunkLengthBytes + EnvelopeLengthBytes;

    private long Stride => NodeLengthBytes + LeafAndChunkLengthBytes;

    /// <summary>What a node takes, with or without encryption.</summary>
    public static int NodeLengthBytesOf(AtRestCipher? cipher) =>
        BlobHash.LengthBytes + (cipher is null ? CheckLengthBytes : AtRestCipher.EnvelopeLengthBytes);

    /// <summary>A new file's.</summary>
    public static BlobFormat Create(AtRestCipher? cipher) => new(cipher, RandomNumberGenerator.GetBytes(IdLengthBytes));

    /// <summary>Reads a header; null if it is damaged, or none.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.UnsupportedFormat"/>.</exception>
    public static BlobFormat? Read(Span<byte> header, AtRestCipher? cipher, string name, out BlobHash root, out long size)
    {
        (root, size) = (default, 0);
        if (!header[..8].SequenceEqual(Magic)
            || XxHash3.HashToUInt64(header[..^CheckLengthBytes]) != BinaryPrimitives.ReadUInt64LittleEndian(header[^CheckLengthBytes..])) return null;
        int version = BinaryPrimitives.ReadUInt16LittleEndian(header[8..]);
        if (version > FormatVersion) throw StoreException.Unsupported($"The blob '{name}'", version, FormatVersion);
        bool isEncrypted = (header[10] & 1) == 1;
        if (isEncrypted != cipher is not null || BinaryPrimitives.ReadInt32LittleEndian(header[12..]) != BlobTree.ChunkLengthBytes) return null;
        Span<byte> content = header.Slice(HeadLengthBytes, ContentLengthBytes);
        if (cipher?.TryOpen(content, header.Slice(HeadLengthBytes + ContentLengthBytes, AtRestCipher.EnvelopeLengthBytes), header[..HeadLengthBytes]) == false)
            return null;
        root = BlobHash.FromBytes(content[..BlobHash.LengthBytes]);
        size = BinaryPrimitives.ReadInt64LittleEndian(content[BlobHash.LengthBytes..]);
        return size is > 0 and <= Blob.SizeMax ? new BlobFormat(cipher, header[(HeadLengthBytes - IdLengthBytes)..HeadLengthBytes].ToArray()) : null;
    }

    public void WriteHeader(Span<byte> header, BlobHash root, long size)
    {
        header.Clear();
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[8..], FormatVersion);
        header[10] = cipher is null ? (byte)0 : (byte)1;
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], BlobTree.ChunkLengthBytes);
        id.CopyTo(header[(HeadLengthBytes - IdLengthBytes)..]);
        Span<byte> content = header.Slice(HeadLengthBytes, ContentLengthBytes);
        root.WriteBytes(content);
        BinaryPrimitives.WriteInt64LittleEndian(content[BlobHash.LengthBytes..], size);
        cipher?.Seal(content, header.Slice(HeadLengthBytes + ContentLengthBytes, AtRestCipher.EnvelopeLengthBytes), header[..HeadLengthBytes]);
        BinaryPrimitives.WriteUInt64LittleEndian(header[^CheckLengthBytes..], XxHash3.HashToUInt64(header[..^CheckLengthBytes]));
    }

    /// <summary>Where a node lies.</summary>
    public long OffsetOfNode(long position) =>
        HeaderLengthBytes + (position / 2 * Stride) + ((position & 1) == 1 ? 0 : NodeLengthBytes);

    /// <summary>Where a leaf lies, and behind it its chunk.</summary>
    public long OffsetOfLeaf(int chunk) => OffsetOfNode(2L * chunk);

    /// <summary>Where a chunk lies.</summary>
    public long OffsetOfChunk(int chunk) => OffsetOfLeaf(chunk) + NodeLengthBytes;

    /// <summary>Where the records end.</summary>
    public long OffsetOfTail(BlobTree tree) => OffsetOfChunk(tree.Chunks - 1) + tree.LengthOf(tree.Chunks - 1) + EnvelopeLengthBytes;

    /// <summary>Length of the file, but for the SHA-256 behind.</summary>
    public long LengthOf(BlobTree tree) => OffsetOfTail(tree) + (2 * ChunkSet.LengthBytesOf(tree.Chunks)) + HeaderLengthBytes;

    /// <summary>Writes what stands behind the records.</summary>
    public byte[] TailOf(BlobTree tree, BlobHash root, ChunkSet there, ChunkSet? damaged)
    {
        int length = ChunkSet.LengthBytesOf(tree.Chunks);
        byte[] tail = new byte[(2 * length) + HeaderLengthBytes];
        there.Write(tail.AsSpan(0, length));
        damaged?.Write(tail.AsSpan(length, length));
        WriteHeader(tail.AsSpan(2 * length), root, tree.Size);
        return tail;
    }

    public void SealNode(Span<byte> node, long position, BlobHash hash)
    {
        hash.WriteBytes(node);
        if (cipher is null)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(node[BlobHash.LengthBytes..], CheckOf(node[..BlobHash.LengthBytes], position));
            return;
        }
        Span<byte> associated = stackalloc byte[AssociatedLengthBytes];
        WriteAssociated(associated, NodeKind, position);
        cipher.Seal(node[..BlobHash.LengthBytes], node[BlobHash.LengthBytes..NodeLengthBytes], associated);
    }

    /// <summary>Opens a node where it lies; false if it was never written, or is damaged.</summary>
    public bool TryOpenNode(Span<byte> node, long position, out BlobHash hash)
    {
        bool isIntact;
        if (cipher is null)
        {
            isIntact = BinaryPrimitives.ReadUInt64LittleEndian(node[BlobHash.LengthBytes..]) == CheckOf(node[..BlobHash.LengthBytes], position);
        }
        else
        {
            Span<byte> associated = stackalloc byte[AssociatedLengthBytes];
            WriteAssociated(associated, NodeKind, position);
            isIntact = cipher.TryOpen(node[..BlobHash.LengthBytes], node[BlobHash.LengthBytes..NodeLengthBytes], associated);
        }
        hash = isIntact ? BlobHash.FromBytes(node[..BlobHash.LengthBytes]) : default;
        return isIntact;
    }

    /// <summary>The SHA-256 of the whole, as it stands behind everything.</summary>
    public byte[] SealSha256(BlobHash sha256)
    {
        byte[] node = new byte[NodeLengthBytes];
        SealNode(node, Sha256Position, sha256);
        return node;
    }

    /// <summary>Opens it where it lies; false if it was never written, or is damaged.</summary>
    public bool TryOpenSha256(Span<byte> node, out BlobHash sha256) => TryOpenNode(node, Sha256Position, out sha256);

    /// <summary>Seals a chunk where it lies, with room for the envelope behind it.</summary>
    public void SealChunk(Span<byte> chunk, int index)
    {
        if (cipher is null) return;
        Span<byte> associated = stackalloc byte[AssociatedLengthBytes];
        WriteAssociated(associated, ChunkKind, index);
        cipher.Seal(chunk[..^EnvelopeLengthBytes], chunk[^EnvelopeLengthBytes..], associated);
    }

    /// <summary>Opens a chunk where it lies, with the envelope behind it. Where nothing is encrypted its hash alone tells.</summary>
    public bool TryOpenChunk(Span<byte> chunk, int index)
    {
        if (cipher is null) return true;
        Span<byte> associated = stackalloc byte[AssociatedLengthBytes];
        WriteAssociated(associated, ChunkKind, index);
        return cipher.TryOpen(chunk[..^EnvelopeLengthBytes], chunk[^EnvelopeLengthBytes..], associated);
    }

    private void WriteAssociated(Span<byte> associated, byte kind, long number)
    {
        id.CopyTo(associated);
        associated[IdLengthBytes] = kind;
        BinaryPrimitives.WriteInt64LittleEndian(associated[(IdLengthBytes + 1)..], number);
    }

    private ulong CheckOf(ReadOnlySpan<byte> hash, long position) =>
        XxHash3.HashToUInt64(hash, BinaryPrimitives.ReadInt64LittleEndian(id) ^ position);
}
