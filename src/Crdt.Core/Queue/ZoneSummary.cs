using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>What a zone of the log is about: enough to tell that a search finds nothing there. Immutable.</summary>
internal sealed class ZoneSummary(
    LogPosition from, LogPosition to, int mutations, long firstMs, long lastMs, int kinds, ZoneSummary.AuthorRange[] authors,
    (string Domain, string Type)[] types, string?[] users, ZoneSummary.Writer[] writers, byte[] names)
{
    // 7 of 10 bits for each name: one search in a hundred looks in vain.
    private const int BitsPerName = 10;
    private const int Probes = 7;
    private const int RequestSeed = 1;

    /// <summary>One author's sequences in a zone: all of them are there, from the first to the last.</summary>
    public readonly record struct AuthorRange(ReplicaId Author, long First, long Last);

    /// <summary>How many mutations a user made at an author's device; both by index.</summary>
    public readonly record struct Writer(int Author, int User, int Mutations);

    /// <summary>Where it begins.</summary>
    public LogPosition From { get; } = from;

    /// <summary>Where it ends.</summary>
    public LogPosition To { get; } = to;

    /// <summary>How many mutations it holds.</summary>
    public int Mutations { get; } = mutations;

    /// <summary>Their earliest time, in Unix milliseconds.</summary>
    public long FirstMs { get; } = firstMs;

    /// <summary>Their latest time.</summary>
    public long LastMs { get; } = lastMs;

    /// <summary>Their kinds, a bit for each.</summary>
    public int Kinds { get; } = kinds;

    /// <summary>Their authors.</summary>
    public IReadOnlyList<AuthorRange> Authors { get; } = authors;

    /// <summary>The types of their entities.</summary>
    public IReadOnlyList<(string Domain, string Type)> Types { get; } = types;

    /// <summary>Who made them; <see langword="null"/> where nobody was named.</summary>
    public IReadOnlyList<string?> Users { get; } = users;

    /// <summary>How many each of them made where.</summary>
    public IReadOnlyList<Writer> Writers { get; } = writers;

    /// <summary>A Bloom filter of entities and request ids.</summary>
    public ReadOnlyMemory<byte> Names { get; } = names;

    /// <summary>Whether an entity or request may be in it.</summary>
    public bool MayHold(ulong name) => MayHold(names, name);

    /// <summary>What stands for an entity in the filter.</summary>
    public static ulong NameOf(EntityKey key)
    {
        // Each part is at most 255 bytes of UTF-8, and so not more of UTF-16's units.
        Span<char> name = stackalloc char[(3 * FormatLimits.NameLengthBytesMax) + 2];
        int length = 0;
        foreach (string part in (ReadOnlySpan<string>)[key.Domain, "/", key.Type, "/", key.Id])
        {
            part.CopyTo(name[length..]);
            length += part.Length;
        }
        return XxHash3.HashToUInt64(MemoryMarshal.AsBytes(name[..length]));
    }

    /// <summary>What stands for a request in the filter.</summary>
    public static ulong NameOf(Guid request)
    {
        Span<byte> bytes = stackalloc byte[16];
        request.TryWriteBytes(bytes);
        return XxHash3.HashToUInt64(bytes, RequestSeed);
    }

    /// <summary>Makes the filter of names.</summary>
    public static byte[] ToFilter(IReadOnlyCollection<ulong> all)
    {
        byte[] filter = new byte[Math.Max(1, ((all.Count * BitsPerName) + 7) / 8)];
        foreach (ulong name in all)
        {
            for (int i = 0; i < Probes; i++)
            {
                int bit = BitOf(name, i, filter.Length);
                filter[bit >> 3] |= (byte)(1 << (bit & 7));
            }
        }
        return filter;
    }

    private static bool MayHold(byte[] filter, ulong name)
    {
        for (int i = 0; i < Probes; i++)
        {
            int bit = BitOf(name, i, filter.Length);
            if ((filter[bit >> 3] & (1 << (bit & 7))) == 0) return false;
        }
        return true;
    }

    /// <summary>Double hashing (Kirsch and Mitzenmacher): one hash is enough for all probes.</summary>
    private static int BitOf(ulong name, int probe, int lengthBytes) =>
        (int)(((name >> 32) + ((ulong)probe * ((uint)name | 1))) % ((ulong)lengthBytes * 8));
}
