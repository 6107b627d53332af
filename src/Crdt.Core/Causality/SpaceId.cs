using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Crdt;

/// <summary>Identity of a space: the head of its authority's hash chain after the genesis batch, 32 bytes.</summary>
/// <remarks>So the id names the space's founding content and its founder; two spaces never share one by accident.
/// <c>default</c> is no space. Source: semantics 9.</remarks>
public readonly struct SpaceId : IEquatable<SpaceId>
{
    /// <summary>Length in bytes.</summary>
    public const int LengthBytes = 32;

    private readonly Bytes32 bytes;

    private SpaceId(ReadOnlySpan<byte> source) => source.CopyTo(bytes);

    /// <summary>Whether this is no space, <c>default</c>.</summary>
    public bool IsEmpty => !((ReadOnlySpan<byte>)bytes).ContainsAnyExcept((byte)0);

    /// <summary>Reads 32 bytes.</summary>
    /// <exception cref="ArgumentException"><paramref name="source"/> is not 32 bytes long.</exception>
    public static SpaceId FromBytes(ReadOnlySpan<byte> source)
    {
        if (source.Length != LengthBytes)
            throw new ArgumentException($"A space id takes 32 bytes, {source.Length} were given.", nameof(source));
        return new SpaceId(source);
    }

    /// <summary>Reads 64 hexadecimal digits.</summary>
    /// <returns><see langword="false"/> when <paramref name="text"/> is anything else.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out SpaceId id)
    {
        id = default;
        Span<byte> parsed = stackalloc byte[LengthBytes];
        if (text is not { Length: 2 * LengthBytes }
            || Convert.FromHexString(text, parsed, out _, out _) != System.Buffers.OperationStatus.Done)
            return false;
        id = new SpaceId(parsed);
        return true;
    }

    /// <summary>Writes the 32 bytes.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter.</exception>
    public void WriteBytes(Span<byte> destination) => ((ReadOnlySpan<byte>)bytes).CopyTo(destination);

    /// <inheritdoc/>
    public bool Equals(SpaceId other) => ((ReadOnlySpan<byte>)bytes).SequenceEqual(other.bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SpaceId other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => System.Runtime.InteropServices.MemoryMarshal.Read<int>(bytes);

    /// <summary>Whether both name the same space.</summary>
    public static bool operator ==(SpaceId left, SpaceId right) => left.Equals(right);

    /// <summary>Whether they name different spaces.</summary>
    public static bool operator !=(SpaceId left, SpaceId right) => !left.Equals(right);

    /// <summary>64 hexadecimal digits in lower case.</summary>
    public override string ToString() => Convert.ToHexStringLower(bytes);

    [InlineArray(LengthBytes)]
    private struct Bytes32
    {
        private byte first;
    }
}
