using Crdt.Integration.Docs;

namespace Crdt.Integration.Discovery;

/// <summary>Messages that are kept as a corpus, and what becomes of them by chance.</summary>
internal static class DnsSeeds
{
    public static string Directory => Path.Combine(RepositoryRoot.Path, "tests", "integration", "Discovery", "corpus");

    public static byte[][] Read() =>
        [.. System.IO.Directory.GetFiles(Directory, "*.bin").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];

    /// <summary>Flips, overwrites, inserts, removes, repeats or joins; a few times.</summary>
    public static byte[] Mutate(byte[] seed, Random random)
    {
        var bytes = new List<byte>(seed);
        for (int times = random.Next(1, 6); times > 0; times--)
        {
            int at = bytes.Count == 0 ? 0 : random.Next(bytes.Count);
            switch (random.Next(7))
            {
                case 0 when bytes.Count > 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when bytes.Count > 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                case 3 when bytes.Count > 0:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at));
                    break;
                case 4 when bytes.Count is > 0 and < 4_000:
                    bytes.AddRange(bytes.GetRange(at, Math.Min(random.Next(1, 64), bytes.Count - at)));
                    break;
                case 5 when bytes.Count > 1:
                    // A pointer, to anywhere.
                    at = Math.Min(at, bytes.Count - 2);
                    bytes[at] = (byte)(0xC0 | random.Next(4));
                    bytes[at + 1] = (byte)random.Next(256);
                    break;
                case 6 when bytes.Count > 12:
                    bytes[4 + random.Next(8)] = (byte)random.Next(random.Next(2) == 0 ? 4 : 256);
                    break;
                default:
                    break;
            }
        }
        return [.. bytes];
    }
}
