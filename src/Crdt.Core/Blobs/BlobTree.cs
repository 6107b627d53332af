using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Crdt;

/// <summary>The shape of a blob's hash tree: the Merkle tree of RFC 6962 over its chunks. A leaf is the SHA-256 of a zero
/// byte and the chunk, a node above that of a one byte and its two children; what is without a neighbour goes up as it
/// is. The blob's root is the SHA-256 of a two byte, its length (64 bits, big-endian) and the hash at the top, so that it names
/// the length as well. So each chunk can be verified alone, by the hashes beside its way to the root.</summary>
/// <param name="Size">The blob's length in bytes.</param>
public readonly record struct BlobTree(long Size)
{
    /// <summary>Length of every chunk but the last: 64 KiB.</summary>
    public const int ChunkLengthBytes = 64 << 10;

    /// <summary>The longest proof: as many hashes as a blob of <see cref="Blob.SizeMax"/> has levels.</summary>
    public const int ProofHashesMax = 24;

    /// <summary>How many chunks there are; none of an empty blob.</summary>
    public int Chunks => (int)((Size + ChunkLengthBytes - 1) / ChunkLengthBytes);

    /// <summary>How many levels there are, the leaves' included; none of an empty blob.</summary>
    public int Levels
    {
        get
        {
            int levels = 0;
            for (int nodes = Chunks; nodes > 0; nodes = nodes == 1 ? 0 : (nodes + 1) / 2) levels++;
            return levels;
        }
    }

    /// <summary>The root of an empty blob; the hash at its top is the SHA-256 of nothing.</summary>
    public static BlobHash EmptyRoot { get; } = new BlobTree(0).RootOf(BlobHash.FromBytes(SHA256.HashData([])));

    /// <summary>The SHA-256 of the empty blob; <see langword="null"/> of any other.</summary>
    public static BlobHash? EmptySha256Of(BlobHash root) => root == EmptyRoot ? BlobHash.FromBytes(SHA256.HashData([])) : null;

    /// <summary>Length of a chunk in bytes.</summary>
    public int LengthOf(int chunk) => (int)Math.Min(ChunkLengthBytes, Size - Offset(chunk));

    /// <summary>Where a chunk begins.</summary>
    public static long Offset(int chunk) => (long)chunk * ChunkLengthBytes;

    /// <summary>How many nodes a level has; level 0 is the leaves.</summary>
    public int NodesOf(int level)
    {
        int nodes = Chunks;
        for (; level > 0; level--) nodes = (nodes + 1) / 2;
        return nodes;
    }

    /// <summary>Which nodes prove a chunk: those beside its way up, from below.</summary>
    public IEnumerable<(int Level, int Index)> ProofOf(int chunk)
    {
        int nodes = Chunks, index = chunk;
        for (int level = 0; nodes > 1; level++, index /= 2, nodes = (nodes + 1) / 2)
        {
            if ((index ^ 1) < nodes) yield return (level, index ^ 1);
        }
    }

    /// <summary>Where a node has its place when all nodes of a tree lie in one row, each between the nodes below it: leaf
    /// <c>i</c> at <c>2i</c>. It does not depend on the size of the blob, so nodes can be laid down while the content still comes.
    /// A node that is one without a neighbour, gone up, has the place of the one that it is. All are below twice the number of
    /// chunks.</summary>
    /// <param name="level">The node's level; 0 is the leaves.</param>
    /// <param name="index">Which of that level.</param>
    public long PositionOf(int level, int index)
    {
        (level, index) = Settle(level, index);
        return ((long)index << (level + 1)) + (1L << level) - 1;
    }

    /// <summary>The node that one which has gone up without a neighbour is.</summary>
    public (int Level, int Index) Settle(int level, int index)
    {
        int chunks = Chunks;
        for (; level > 0 && ((2L * index) + 1) << (level - 1) >= chunks; level--) index *= 2;
        return (level, index);
    }

    /// <summary>The hash of a chunk.</summary>
    public static BlobHash HashLeaf(ReadOnlySpan<byte> chunk)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData([0]);
        hash.AppendData(chunk);
        Span<byte> bytes = stackalloc byte[BlobHash.LengthBytes];
        hash.GetHashAndReset(bytes);
        return BlobHash.FromBytes(bytes);
    }

    /// <summary>The hash of a node of two children.</summary>
    public static BlobHash HashNode(BlobHash left, BlobHash right)
    {
        Span<byte> content = stackalloc byte[1 + (2 * BlobHash.LengthBytes)];
        content[0] = 1;
        left.WriteBytes(content[1..]);
        right.WriteBytes(content[(1 + BlobHash.LengthBytes)..]);
        Span<byte> bytes = stackalloc byte[BlobHash.LengthBytes];
        SHA256.HashData(content, bytes);
        return BlobHash.FromBytes(bytes);
    }

    /// <summary>The root of a blob of this size.</summary>
    /// <param name="top">The hash at the top of the tree.</param>
    public BlobHash RootOf(BlobHash top)
    {
        Span<byte> content = stackalloc byte[1 + sizeof(long) + BlobHash.LengthBytes];
        content[0] = 2;
        BinaryPrimitives.WriteInt64BigEndian(content[1..], Size);
        top.WriteBytes(content[(1 + sizeof(long))..]);
        Span<byte> bytes = stackalloc byte[BlobHash.LengthBytes];
        SHA256.HashData(content, bytes);
        return BlobHash.FromBytes(bytes);
    }

    /// <summary>Verifies a chunk against a root.</summary>
    /// <param name="root">The blob's.</param>
    /// <param name="chunk">Which chunk.</param>
    /// <param name="leaf">Its hash.</param>
    /// <param name="proof">The hashes of <see cref="ProofOf"/>, in that order.</param>
    public bool Verifies(BlobHash root, int chunk, BlobHash leaf, ReadOnlySpan<BlobHash> proof)
    {
        if (chunk < 0 || chunk >= Chunks) return false;
        int nodes = Chunks, index = chunk, used = 0;
        BlobHash hash = leaf;
        for (; nodes > 1; index /= 2, nodes = (nodes + 1) / 2)
        {
            if ((index ^ 1) >= nodes) continue;
            if (used == proof.Length) return false;
            BlobHash beside = proof[used++];
            hash = (index & 1) == 0 ? HashNode(hash, beside) : HashNode(beside, hash);
        }
        return used == proof.Length && RootOf(hash) == root;
    }

    /// <summary>Verifies a chunk that came from elsewhere.</summary>
    /// <param name="root">The blob's.</param>
    /// <param name="chunk">Which chunk it is said to be.</param>
    /// <param name="content">Its bytes.</param>
    /// <param name="proof">The hashes of <see cref="ProofOf"/>.</param>
    /// <returns>Its hash.</returns>
    /// <exception cref="BlobException"><see cref="BlobError.ChunkRefused"/>: it is not that chunk.</exception>
    public BlobHash Check(BlobHash root, int chunk, ReadOnlySpan<byte> content, ReadOnlySpan<BlobHash> proof)
    {
        if (Size is > 0 and <= Blob.SizeMax && chunk >= 0 && chunk < Chunks && content.Length == LengthOf(chunk))
        {
            BlobHash leaf = HashLeaf(content);
            if (Verifies(root, chunk, leaf, proof)) return leaf;
        }
        throw new BlobException(BlobError.ChunkRefused,
            $"What came as chunk {chunk} ({content.Length} bytes) is not that of the blob {root} of {Size} bytes.");
    }

    /// <summary>Tells all nodes that a verified chunk makes known: its own, those of its proof, and those on its way to the
    /// top.</summary>
    /// <param name="chunk">Which chunk.</param>
    /// <param name="leaf">Its hash.</param>
    /// <param name="proof">The hashes of <see cref="ProofOf"/>.</param>
    /// <param name="onNode">Is told each node's <see cref="PositionOf"/> and hash.</param>
    public void Place(int chunk, BlobHash leaf, ReadOnlySpan<BlobHash> proof, Action<long, BlobHash> onNode)
    {
        ArgumentNullException.ThrowIfNull(onNode);
        int nodes = Chunks, index = chunk, used = 0;
        BlobHash hash = leaf;
        onNode(PositionOf(0, chunk), hash);
        for (int level = 0; nodes > 1; level++, index /= 2, nodes = (nodes + 1) / 2)
        {
            if ((index ^ 1) >= nodes) continue;
            BlobHash beside = proof[used++];
            onNode(PositionOf(level, index ^ 1), beside);
            hash = (index & 1) == 0 ? HashNode(hash, beside) : HashNode(beside, hash);
            onNode(PositionOf(level + 1, index / 2), hash);
        }
    }
}
