using System.IO.Hashing;

namespace Crdt;

/// <summary>Entities whose keys' hashes begin with the same digits. Hashing spreads whatever keys there are, so ranges
/// of one depth hold about equally many.</summary>
/// <param name="Prefix">The digits, from the top; the bits behind them are 0.</param>
/// <param name="Depth">How many hexadecimal digits are fixed: 0 (all entities) to <see cref="DepthMax"/> (one
/// hash).</param>
internal readonly record struct KeyRange(ulong Prefix, int Depth)
{
    public const int DepthMax = 16;

    /// <summary>Ranges into which one is divided.</summary>
    public const int FanOut = 16;

    private const int DigitBits = 4;

    public ulong Last => Prefix | Free;

    public bool IsWellFormed => (Prefix & Free) == 0;

    private ulong Free => Depth == DepthMax ? 0 : ulong.MaxValue >> (Depth * DigitBits);

    /// <summary>The place of a key: XxHash64 (seed 0) of its canonical bytes.</summary>
    public static ulong HashOf(EntityKey key) => XxHash64.HashToUInt64(StateDigest.KeyBytes(key));

    public bool Contains(ulong hash) => hash >= Prefix && hash <= Last;

    public KeyRange Part(int digit) =>
        new(Prefix | ((ulong)digit << (64 - DigitBits - (Depth * DigitBits))), Depth + 1);
}
