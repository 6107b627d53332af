using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Crdt;

/// <summary>Heads of many authors by parts: a sum of each part tells in which of them two sides differ, so that what is told
/// grows with that and not with how many authors there are.</summary>
internal static class HeadSums
{
    /// <summary>Parts, by the first bits of the author's id.</summary>
    public const int PartCount = 64;

    /// <summary>Bytes of each part's sum.</summary>
    public const int SumLengthBytes = 5;

    /// <summary>Bytes of all sums.</summary>
    public const int LengthBytes = PartCount * SumLengthBytes;

    /// <summary>So many heads are told as they are, unless a session is told otherwise.</summary>
    public const int WholeMax = 64;

    /// <summary>The part of an author.</summary>
    public static int PartOf(ReplicaId author)
    {
        Span<byte> id = stackalloc byte[ReplicaId.LengthBytes];
        author.WriteBytes(id);
        return id[0] / (256 / PartCount);
    }

    /// <summary>The sums. What they are about cannot be chosen beforehand: both sides' first hashes go into each.</summary>
    /// <param name="heads">In order of authors; of each hash the first bytes count, as they are told.</param>
    /// <param name="one">One side's hash over all its heads.</param>
    /// <param name="other">The other side's.</param>
    public static byte[] Of(IEnumerable<ChainHead> heads, ReadOnlyMemory<byte> one, ReadOnlyMemory<byte> other)
    {
        bool isInOrder = one.Span.SequenceCompareTo(other.Span) <= 0;
        byte[] sums = new byte[LengthBytes];
        Span<byte> row = stackalloc byte[ReplicaId.LengthBytes + 8 + HeadsMessage.HashPrefixLengthBytes];
        Span<byte> sum = stackalloc byte[SHA256.HashSizeInBytes];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using IEnumerator<ChainHead> next = heads.GetEnumerator();
        bool hasNext = next.MoveNext();
        for (int part = 0; part < PartCount; part++)
        {
            hash.AppendData((isInOrder ? one : other).Span);
            hash.AppendData((isInOrder ? other : one).Span);
            for (; hasNext && PartOf(next.Current.Author) <= part; hasNext = next.MoveNext())
            {
                next.Current.Author.WriteBytes(row);
                BinaryPrimitives.WriteInt64BigEndian(row[ReplicaId.LengthBytes..], next.Current.Sequence);
                next.Current.Hash.Span[..HeadsMessage.HashPrefixLengthBytes].CopyTo(row[(ReplicaId.LengthBytes + 8)..]);
                hash.AppendData(row);
            }
            hash.GetHashAndReset(sum);
            sum[..SumLengthBytes].CopyTo(sums.AsSpan(part * SumLengthBytes));
        }
        return sums;
    }

    /// <summary>The parts that differ, as bits: the first part is the lowest.</summary>
    public static ulong Differing(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        ulong parts = 0;
        for (int part = 0; part < PartCount; part++)
        {
            int at = part * SumLengthBytes;
            if (!one.Slice(at, SumLengthBytes).SequenceEqual(other.Slice(at, SumLengthBytes))) parts |= 1UL << part;
        }
        return parts;
    }

    /// <summary>Whether an author is of one of the parts.</summary>
    public static bool IsIn(ulong parts, ReplicaId author) => (parts >> PartOf(author) & 1) != 0;

    /// <summary>All heads of the peer: those that it told, and in all other parts the own ones.</summary>
    /// <exception cref="SyncException">It told of other parts.</exception>
    public static IReadOnlyList<ChainHead> Complete(IReadOnlyList<ChainHead> own, HeadsMessage told, ulong parts)
    {
        if (told.Parts != parts || told.Heads.Any(h => !IsIn(parts, h.Author)))
        {
            throw new SyncException(SyncError.UnexpectedMessage,
                $"Heads of {BitOperations.PopCount(told.Parts ?? 0)} parts; {BitOperations.PopCount(parts)} differ.");
        }
        return [.. own.Where(h => !IsIn(parts, h.Author)).Select(static h => h with { Hash = h.Hash[..HeadsMessage.HashPrefixLengthBytes] })
            .Concat(told.Heads).OrderBy(static h => h.Author)];
    }
}
