using System.Diagnostics.CodeAnalysis;

namespace Crdt;

/// <summary>Writer identity of one replica: a UUID, ordered by its bytes in network order.</summary>
/// <param name="Value">The UUID; version 4 when made by <see cref="FromRandom"/>.</param>
/// <remarks><c>default</c> is the absent replica and never writes. One durable copy of a space has one id for life;
/// a copy restored from a backup takes a new one (semantics 9).</remarks>
public readonly record struct ReplicaId(Guid Value) : IComparable<ReplicaId>
{
    /// <summary>Length of an id in bytes, on the wire and in <see cref="WriteBytes"/>.</summary>
    public const int LengthBytes = 16;

    /// <summary>Whether this is the absent replica, <c>default</c>.</summary>
    public bool IsEmpty => Value == Guid.Empty;

    /// <summary>Makes a version 4 UUID of 16 random bytes; version and variant bits are overwritten.</summary>
    /// <param name="random">Exactly 16 bytes from the caller's random source.</param>
    /// <exception cref="ArgumentException"><paramref name="random"/> is not 16 bytes long.</exception>
    public static ReplicaId FromRandom(ReadOnlySpan<byte> random)
    {
        if (random.Length != LengthBytes)
            throw new ArgumentException($"16 random bytes are needed, {random.Length} were given.", nameof(random));
        return new ReplicaId(Uuid.Version4(random));
    }

    /// <summary>Reads 16 bytes in network order.</summary>
    /// <exception cref="ArgumentException"><paramref name="bytes"/> is not 16 bytes long.</exception>
    public static ReplicaId FromBytes(ReadOnlySpan<byte> bytes) => new(new Guid(bytes, bigEndian: true));

    /// <summary>Reads the usual text form of a UUID, with hyphens.</summary>
    /// <returns><see langword="false"/> when <paramref name="text"/> is not one, or is the empty UUID.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out ReplicaId id)
    {
        bool parsed = Guid.TryParseExact(text, "D", out Guid value) && value != Guid.Empty;
        id = parsed ? new ReplicaId(value) : default;
        return parsed;
    }

    /// <summary>Writes the 16 bytes in network order.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than 16 bytes.</exception>
    public void WriteBytes(Span<byte> destination)
    {
        if (!Value.TryWriteBytes(destination, bigEndian: true, out _))
            throw new ArgumentException("A replica id takes 16 bytes.", nameof(destination));
    }

    /// <summary>Order by the bytes in network order.</summary>
    public int CompareTo(ReplicaId other) => Value.CompareTo(other.Value);

    /// <summary>Whether <paramref name="left"/> comes before <paramref name="right"/>.</summary>
    public static bool operator <(ReplicaId left, ReplicaId right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> comes after <paramref name="right"/>.</summary>
    public static bool operator >(ReplicaId left, ReplicaId right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="left"/> does not come after <paramref name="right"/>.</summary>
    public static bool operator <=(ReplicaId left, ReplicaId right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="left"/> does not come before <paramref name="right"/>.</summary>
    public static bool operator >=(ReplicaId left, ReplicaId right) => left.CompareTo(right) >= 0;

    /// <summary>The UUID with hyphens, in lower case.</summary>
    public override string ToString() => Value.ToString("D");
}
