namespace Crdt;

/// <summary>A dot and its batch's role in 64 bits, with the author as an index into the replica's own
/// <see cref="ReplicaTable"/>: what a sibling keeps in memory instead of 24 bytes.</summary>
/// <remarks>From the top: 40 bits sequence, 2 bits role, 22 bits author. The role is a function of the dot, so
/// equality of the whole is equality of the dot; <see cref="Identity"/> leaves it out where it is not known.</remarks>
internal readonly record struct LocalDot(ulong Bits)
{
    public const int AuthorBits = 22;
    public const int AuthorsMax = 1 << AuthorBits;
    private const int RoleBits = 2;
    private const ulong RoleMask = 3UL << AuthorBits;

    public LocalDot(int author, long sequence, ReplicaRole role)
        : this(((ulong)sequence << (AuthorBits + RoleBits)) | ((ulong)role << AuthorBits) | (uint)author)
    {
    }

    public int Author => (int)(Bits & (AuthorsMax - 1));

    public ReplicaRole Role => (ReplicaRole)((Bits & RoleMask) >> AuthorBits);

    public long Sequence => (long)(Bits >> (AuthorBits + RoleBits));

    /// <summary>The dot alone.</summary>
    public ulong Identity => Bits & ~RoleMask;
}
