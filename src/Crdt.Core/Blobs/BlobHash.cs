using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Crdt;

/// <summary>A SHA-256: of a blob's content, or of the root of its hash tree. 32 bytes; text is 64 lower-case hex
/// digits.</summary>
public readonly record struct BlobHash : IComparable<BlobHash>
{
    /// <summary>Length in bytes: 32.</summary>
    public const int LengthBytes = 32;

    private readonly ulong a, b, c, d;

    private BlobHash(ulong a, ulong b, ulong c, ulong d) => (this.a, this.b, this.c, this.d) = (a, b, c, d);

    /// <summary>Whether this is <c>default</c>: no hash.</summary>
    public bool IsEmpty => this == default;

    /// <summary>Reads 32 bytes.</summary>
    /// <exception cref="ArgumentException">There are more or fewer.</exception>
    public static BlobHash FromBytes(ReadOnlySpan<byte> bytes) => bytes.Length == LengthBytes
        ? new BlobHash(
            BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]), BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]))
        : throw new ArgumentException($"A hash has {LengthBytes} bytes, not {bytes.Length}.", nameof(bytes));

    /// <summary>Reads 64 hex digits.</summary>
    /// <returns>Whether it was that.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out BlobHash hash)
    {
        hash = default;
        Span<byte> bytes = stackalloc byte[LengthBytes];
        if (text?.Length != 2 * LengthBytes
            || Convert.FromHexString(text, bytes, out _, out int written) != System.Buffers.OperationStatus.Done || written != LengthBytes)
            return false;
        hash = FromBytes(bytes);
        return true;
    }

    /// <summary>Writes the 32 bytes.</summary>
    /// <exception cref="ArgumentException">There is less room.</exception>
    public void WriteBytes(Span<byte> destination)
    {
        if (destination.Length < LengthBytes)
            throw new ArgumentException($"A hash has {LengthBytes} bytes; there is room for {destination.Length}.", nameof(destination));
        BinaryPrimitives.WriteUInt64BigEndian(destination, a);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], b);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], c);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], d);
    }

    /// <summary>As their bytes compare.</summary>
    public int CompareTo(BlobHash other) => (a, b, c, d).CompareTo((other.a, other.b, other.c, other.d));

    /// <summary>Whether it comes before.</summary>
    public static bool operator <(BlobHash left, BlobHash right) => left.CompareTo(right) < 0;

    /// <summary>Whether it comes after.</summary>
    public static bool operator >(BlobHash left, BlobHash right) => left.CompareTo(right) > 0;

    /// <summary>Whether it does not come after.</summary>
    public static bool operator <=(BlobHash left, BlobHash right) => left.CompareTo(right) <= 0;

    /// <summary>Whether it does not come before.</summary>
    public static bool operator >=(BlobHash left, BlobHash right) => left.CompareTo(right) >= 0;

    /// <summary>64 lower-case hex digits.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[LengthBytes];
        WriteBytes(bytes);
        return Convert.ToHexStringLower(bytes);
    }
}
