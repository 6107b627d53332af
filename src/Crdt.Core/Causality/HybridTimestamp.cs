using System.Globalization;

namespace Crdt;

/// <summary>A hybrid logical time: 48 bits of Unix milliseconds, then 16 bits of counter, which carries.</summary>
/// <param name="Bits">The 64 bits; larger is later. <c>default</c> is before every mutation.</param>
/// <remarks>Time only arbitrates concurrent writes; causality never depends on it. Source: Kulkarni et al.,
/// "Logical Physical Clocks", OPODIS 2014. Law: 8.</remarks>
public readonly record struct HybridTimestamp(ulong Bits) : IComparable<HybridTimestamp>
{
    internal const int CounterBits = 16;

    /// <summary>The largest number of milliseconds that fits: 2^48 - 1, in the year 10889.</summary>
    public const long MillisecondsMax = (1L << 48) - 1;

    /// <summary>Unix milliseconds of the wall clock that issued it, or that pulled it; from 0.</summary>
    public long UnixMs => (long)(Bits >> CounterBits);

    /// <summary>Order among the timestamps of one millisecond, 0 to 65,535.</summary>
    public int Counter => (int)(Bits & 0xFFFF);

    /// <summary>The time to the millisecond, in UTC; clamped to what <see cref="DateTimeOffset"/> can hold.</summary>
    public DateTimeOffset Time =>
        DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(UnixMs, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));

    /// <summary>The first timestamp of a millisecond.</summary>
    /// <param name="unixMs">Unix milliseconds; clamped to 0 … <see cref="MillisecondsMax"/>.</param>
    public static HybridTimestamp FromUnixMs(long unixMs) =>
        new((ulong)Math.Clamp(unixMs, 0, MillisecondsMax) << CounterBits);

    /// <summary>The next later timestamp: the counter plus one, carrying into the milliseconds.</summary>
    internal HybridTimestamp Next() => new(checked(Bits + 1));

    /// <inheritdoc/>
    public int CompareTo(HybridTimestamp other) => Bits.CompareTo(other.Bits);

    /// <summary>Whether <paramref name="left"/> is earlier.</summary>
    public static bool operator <(HybridTimestamp left, HybridTimestamp right) => left.Bits < right.Bits;

    /// <summary>Whether <paramref name="left"/> is later.</summary>
    public static bool operator >(HybridTimestamp left, HybridTimestamp right) => left.Bits > right.Bits;

    /// <summary>Whether <paramref name="left"/> is not later.</summary>
    public static bool operator <=(HybridTimestamp left, HybridTimestamp right) => left.Bits <= right.Bits;

    /// <summary>Whether <paramref name="left"/> is not earlier.</summary>
    public static bool operator >=(HybridTimestamp left, HybridTimestamp right) => left.Bits >= right.Bits;

    /// <summary>RFC 3339 UTC to the millisecond, <c>+</c>, the counter.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Time:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}+{Counter}");
}
