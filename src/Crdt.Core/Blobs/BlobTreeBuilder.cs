using System.Security.Cryptography;

namespace Crdt;

/// <summary>Builds the hash tree of a blob whose length is not known yet, leaf by leaf, in memory for one hash a level.</summary>
/// <param name="onNode">Is told each node as soon as it is known: its <see cref="BlobTree.PositionOf"/> and its hash.</param>
public sealed class BlobTreeBuilder(Action<long, BlobHash>? onNode = null)
{
    // Of each level the last node that waits for its neighbour: where the bit of the count of leaves is set.
    private readonly BlobHash[] waiting = new BlobHash[BlobTree.ProofHashesMax + 1];

    /// <summary>How many leaves there are.</summary>
    public int Leaves { get; private set; }

    /// <summary>Takes the hash of the next chunk (<see cref="BlobTree.HashLeaf"/>).</summary>
    /// <exception cref="InvalidOperationException">There are as many as a blob may have.</exception>
    public void Add(BlobHash leaf)
    {
        if (Leaves == 1 << BlobTree.ProofHashesMax) throw new InvalidOperationException($"A blob has up to {Leaves} chunks.");
        int level = 0, index = Leaves++;
        Tell(level, index, leaf);
        for (; (index & 1) == 1; index >>= 1)
        {
            leaf = BlobTree.HashNode(waiting[level++], leaf);
            Tell(level, index >> 1, leaf);
        }
        waiting[level] = leaf;
    }

    /// <summary>The hash at the top (<see cref="BlobTree.RootOf"/>). No leaf may follow.</summary>
    public BlobHash Finish()
    {
        BlobHash? top = null;
        for (int level = 0; level <= BlobTree.ProofHashesMax; level++)
        {
            if ((Leaves >> level & 1) == 0) continue;
            if (top is { } right)
            {
                top = BlobTree.HashNode(waiting[level], right);
                Tell(level + 1, Leaves >> (level + 1), top.Value);
            }
            else top = waiting[level];
        }
        return top ?? BlobHash.FromBytes(SHA256.HashData([]));
    }

    private void Tell(int level, int index, BlobHash hash) => onNode?.Invoke(((long)index << (level + 1)) + (1L << level) - 1, hash);
}
