using System.Numerics;

namespace Crdt.Testing.Simulation;

/// <summary>The simulator's own random numbers: the same for a seed on every machine and runtime, for ever.</summary>
/// <remarks>xoshiro256** 1.0 (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021), its four
/// words filled from the seed by SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014). Numbers below a bound by the high half of a 128-bit product, without rejection: the bias is below
/// bound / 2^64. Not safe for concurrent use; no source of secrets.</remarks>
public sealed class SimulationRandom
{
    private ulong s0, s1, s2, s3;

    /// <summary>Begins a stream.</summary>
    /// <param name="seed">Equal seeds give equal streams.</param>
    public SimulationRandom(ulong seed)
    {
        s0 = SplitMix(ref seed);
        s1 = SplitMix(ref seed);
        s2 = SplitMix(ref seed);
        s3 = SplitMix(ref seed);
    }

    /// <summary>The next 64 bits.</summary>
    public ulong NextBits()
    {
        ulong result = BitOperations.RotateLeft(s1 * 5, 7) * 9;
        ulong t = s1 << 17;
        s2 ^= s0;
        s3 ^= s1;
        s1 ^= s2;
        s0 ^= s3;
        s2 ^= t;
        s3 = BitOperations.RotateLeft(s3, 45);
        return result;
    }

    /// <summary>A number from 0 up to, but not including, <paramref name="bound"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bound"/> is not positive.</exception>
    public int Next(int bound) => (int)Next((long)bound);

    /// <summary>A number from 0 up to, but not including, <paramref name="bound"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bound"/> is not positive.</exception>
    public long Next(long bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        return (long)Math.BigMul(NextBits(), (ulong)bound, out _);
    }

    /// <summary>A number from <paramref name="from"/> to <paramref name="to"/>, both inclusive.</summary>
    public long Between(long from, long to) => from + Next(to - from + 1);

    /// <summary>A number from <paramref name="from"/> to <paramref name="to"/>, both positive and inclusive, each order of
    /// magnitude about as likely as the next.</summary>
    public long Magnitude(long from, long to)
    {
        int low = BitOperations.Log2((ulong)from), high = BitOperations.Log2((ulong)to);
        int bits = (int)Between(low, high);
        return Math.Clamp(Between(1L << bits, (2L << bits) - 1), from, to);
    }

    /// <summary>Yes, once in <paramref name="times"/> on average.</summary>
    public bool OneIn(int times) => Next(times) == 0;

    /// <summary>One of them.</summary>
    public T Pick<T>(IReadOnlyList<T> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        return items[Next(items.Count)];
    }

    /// <summary>Fills memory.</summary>
    public void Fill(Span<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)(NextBits() >> 56);
    }

    private static ulong SplitMix(ref ulong state)
    {
        state += 0x9E3779B97F4A7C15;
        return Scramble(state);
    }

    /// <summary>SplitMix64's output function: every bit of the input changes about half of the output's.</summary>
    internal static ulong Scramble(ulong bits)
    {
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
        return bits ^ (bits >> 31);
    }
}
