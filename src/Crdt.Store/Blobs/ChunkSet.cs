using System.Numerics;

namespace Crdt.Store.Blobs;

/// <summary>Which chunks of a blob: a bit each.</summary>
internal sealed class ChunkSet(int length)
{
    private const int BitsPerWord = 64;

    private readonly ulong[] words = new ulong[(length + BitsPerWord - 1) / BitsPerWord];

    public int Count { get; private set; }

    public bool this[int chunk]
    {
        get => (words[chunk / BitsPerWord] >> (chunk % BitsPerWord) & 1) == 1;
        set
        {
            if (this[chunk] == value) return;
            words[chunk / BitsPerWord] ^= 1UL << (chunk % BitsPerWord);
            Count += value ? 1 : -1;
        }
    }

    /// <summary>How many bytes <see cref="Write"/> takes.</summary>
    public static int LengthBytesOf(int length) => (length + 7) / 8;

    public static ChunkSet Full(int length)
    {
        var all = new ChunkSet(length) { Count = length };
        Array.Fill(all.words, ulong.MaxValue);
        return all;
    }

    public static ChunkSet Read(int length, ReadOnlySpan<byte> bytes)
    {
        var read = new ChunkSet(length);
        for (int i = 0; i < bytes.Length; i++) read.words[i / sizeof(ulong)] |= (ulong)bytes[i] << (i % sizeof(ulong) * 8);
        // Bits behind the last chunk mean nothing.
        if (length % BitsPerWord != 0) read.words[^1] &= (1UL << (length % BitsPerWord)) - 1;
        read.Count = read.words.Sum(BitOperations.PopCount);
        return read;
    }

    /// <summary>The first from one on that is in the set, or is not; the number of all if there is none.</summary>
    public int FindNext(int from, bool isIn)
    {
        for (int word = from / BitsPerWord; word < words.Length; word++)
        {
            ulong found = isIn ? words[word] : ~words[word];
            if (word == from / BitsPerWord) found &= ulong.MaxValue << (from % BitsPerWord);
            if (found != 0) return Math.Min(length, (word * BitsPerWord) + BitOperations.TrailingZeroCount(found));
        }
        return length;
    }

    public void Write(Span<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)(words[i / sizeof(ulong)] >> (i % sizeof(ulong) * 8));
    }
}
