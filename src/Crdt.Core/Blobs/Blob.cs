using System.Text;

namespace Crdt;

/// <summary>What a field says of content that is too large for a mutation: which it is, and what it is called. The content
/// itself lies in the replica's blob store (<see cref="IBlobStore"/>). Immutable.</summary>
public sealed record Blob
{
    /// <summary>The largest content: 1 TiB.</summary>
    public const long SizeMax = 1L << 40;

    /// <summary>The longest media type: 127 characters.</summary>
    public const int MediaTypeLengthMax = 127;

    private const string MediaTypeSigns = "!#$&^_.+-";

    /// <summary>Describes content.</summary>
    /// <param name="root">The root of its hash tree (<see cref="BlobTree"/>): by this it is stored, asked for and verified.</param>
    /// <param name="sha256">The SHA-256 of the content as a whole, as any other tool computes it.</param>
    /// <param name="size">Its length in bytes; up to <see cref="SizeMax"/>.</param>
    /// <param name="mediaType">As <c>image/jpeg</c>: type and subtype of RFC 6838 in lower case, without parameters.</param>
    /// <param name="name">The file's name for people, 0 to 255 bytes of UTF-8: no path, no control characters.</param>
    /// <exception cref="ArgumentException">One of them is not that.</exception>
    public Blob(BlobHash root, BlobHash sha256, long size, string mediaType, string name)
    {
        ArgumentNullException.ThrowIfNull(mediaType);
        ArgumentNullException.ThrowIfNull(name);
        if (FindProblem(size, mediaType, name) is { } problem) throw new ArgumentException(problem);
        (Root, Sha256, Size, MediaType, Name) = (root, sha256, size, mediaType, name);
    }

    /// <summary>The root of the content's hash tree.</summary>
    public BlobHash Root { get; }

    /// <summary>The SHA-256 of the content as a whole.</summary>
    public BlobHash Sha256 { get; }

    /// <summary>Length of the content in bytes.</summary>
    public long Size { get; }

    /// <summary>As <c>image/jpeg</c>.</summary>
    public string MediaType { get; }

    /// <summary>The file's name for people; may be empty.</summary>
    public string Name { get; }

    /// <summary>The same as an object: <c>media_type</c>, <c>name</c>, <c>root</c> and <c>sha256</c> in hex, <c>size</c>. That is
    /// what stores show of it in documents; as a value it is not the blob.</summary>
    public Value Describe() => BlobJson.Describe(this);

    /// <summary>What is wrong with a description; <see langword="null"/> if nothing. The same for everybody for ever.</summary>
    internal static string? FindProblem(long size, string mediaType, string name)
    {
        if (size is < 0 or > SizeMax) return $"A blob has 0 to {SizeMax} bytes, not {size}.";
        if (!IsMediaType(mediaType)) return $"'{Shortened(mediaType)}' is no media type as 'image/jpeg'.";
        if (name.Length > FormatLimits.NameLengthBytesMax || Encoding.UTF8.GetByteCount(name) > FormatLimits.NameLengthBytesMax)
            return $"A blob's name has up to {FormatLimits.NameLengthBytesMax} bytes of UTF-8.";
        if (!IsWellFormed(name)) return "A blob's name is well-formed Unicode.";
        return name is "." or ".." || name.AsSpan().ContainsAny('/', '\\') || name.Any(char.IsControl)
            ? "A blob's name is no path and has no control characters." : null;
    }

    private static bool IsWellFormed(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(text, out _, out int used) != System.Buffers.OperationStatus.Done) return false;
            text = text[used..];
        }
        return true;
    }

    private static bool IsMediaType(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        return text.Length <= MediaTypeLengthMax && slash > 0 && slash < text.Length - 1
            && IsToken(text.AsSpan(0, slash)) && IsToken(text.AsSpan(slash + 1));
    }

    private static bool IsToken(ReadOnlySpan<char> text)
    {
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && !MediaTypeSigns.Contains(c, StringComparison.Ordinal)) return false;
        }
        return true;
    }

    private static string Shortened(string text) => text.Length <= MediaTypeLengthMax ? text : text[..MediaTypeLengthMax];
}
