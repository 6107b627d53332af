using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Crdt.Server.GraphQL;

/// <summary>Opaque texts that clients hand back: places in lists, versions of entities, names of conflicts.</summary>
internal static class Cursors
{
    private const int DotLengthBytes = ReplicaId.LengthBytes + sizeof(long);

    // More authors than any entity has; less than a request may be long.
    private const int VersionDotsMax = 65_536;

    /// <summary>Wraps a place, so that nobody builds upon what is in it.</summary>
    public static string Encode(string place) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(place));

    /// <exception cref="ApiError">It is not one of ours.</exception>
    public static string Decode(string cursor) => TryDecode(cursor)
        ?? throw new ApiError(ApiErrorCode.InvalidCursor, $"'{cursor}' is no cursor of this list.");

    /// <summary>A position in a list that only grows at its end.</summary>
    public static int DecodeOffset(string? cursor) => cursor is null ? 0
        : int.TryParse(Decode(cursor), NumberStyles.None, CultureInfo.InvariantCulture, out int offset) ? offset + 1
        : throw new ApiError(ApiErrorCode.InvalidCursor, $"'{cursor}' is no cursor of this list.");

    /// <summary>A place among mutations.</summary>
    public static MutationCursor? DecodeMutation(string? cursor) => cursor is null ? null
        : MutationCursor.TryParse(Decode(cursor), out MutationCursor place) ? place
        : throw new ApiError(ApiErrorCode.InvalidCursor, $"'{cursor}' is no cursor of this list.");

    /// <summary>A version as text.</summary>
    public static string EncodeVersion(VersionVector version)
    {
        byte[] bytes = new byte[version.Count * DotLengthBytes];
        Span<byte> rest = bytes;
        foreach ((ReplicaId replica, long sequence) in version)
        {
            replica.WriteBytes(rest);
            BinaryPrimitives.WriteInt64BigEndian(rest[ReplicaId.LengthBytes..], sequence);
            rest = rest[DotLengthBytes..];
        }
        return Base64Url.EncodeToString(bytes);
    }

    /// <exception cref="ApiError">It is no version.</exception>
    public static VersionVector DecodeVersion(string text)
    {
        byte[] bytes = new byte[Base64Url.GetMaxDecodedLength(text.Length)];
        if (!Base64Url.IsValid(text) || bytes.Length > VersionDotsMax * DotLengthBytes || !Base64Url.TryDecodeFromChars(text, bytes, out int length)
            || length % DotLengthBytes != 0) throw NoVersion(text);
        var dots = new List<Dot>(length / DotLengthBytes);
        for (ReadOnlySpan<byte> rest = bytes.AsSpan(0, length); rest.Length > 0; rest = rest[DotLengthBytes..])
        {
            long sequence = BinaryPrimitives.ReadInt64BigEndian(rest[ReplicaId.LengthBytes..]);
            if (sequence is < 1 or > Dot.SequenceMax) throw NoVersion(text);
            dots.Add(new Dot(ReplicaId.FromBytes(rest[..ReplicaId.LengthBytes]), sequence));
        }
        return VersionVector.From(dots);
    }

    private static ApiError NoVersion(string text) =>
        new(ApiErrorCode.InvalidArgument, $"'{(text.Length > 40 ? text[..40] : text)}' is no version of an entity.");

    private static string? TryDecode(string cursor)
    {
        byte[] bytes = new byte[Base64Url.GetMaxDecodedLength(cursor.Length)];
        return Base64Url.IsValid(cursor) && Base64Url.TryDecodeFromChars(cursor, bytes, out int length) ? Encoding.UTF8.GetString(bytes.AsSpan(0, length)) : null;
    }
}
