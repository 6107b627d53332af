using System.Text;

namespace Crdt;

/// <summary>Which content a device takes by itself, and how much of it.</summary>
public sealed record BlobPolicy
{
    /// <summary>Media types of a policy that is kept (<see cref="ReplicaBlobs.SetPolicyAsync"/>): 256.</summary>
    public const int MediaTypesMax = 256;

    /// <summary>What holds for media types that <see cref="ByMediaType"/> does not name; <see cref="BlobFetch.Always"/> by
    /// default.</summary>
    public BlobFetch Fetch { get; init; } = BlobFetch.Always;

    /// <summary>By media type, as <c>video/mp4</c>, or by its first part, as <c>video/*</c>; the whole type goes first.</summary>
    public IReadOnlyDictionary<string, BlobFetch> ByMediaType { get; init; } = new Dictionary<string, BlobFetch>();

    /// <summary>The most bytes of content that are asked for over one connection, for thin links; without limit by default. The
    /// chunk that reaches it, of 64 KiB at most, is the last. What somebody asks for here is taken whatever the budget.</summary>
    public long BytesPerConnectionMax { get; init; } = long.MaxValue;

    /// <summary>The most that all content may take on the device, in bytes; without limit by default.</summary>
    public long QuotaBytes { get; init; } = long.MaxValue;

    /// <summary>What holds for a blob.</summary>
    public BlobFetch For(Blob blob)
    {
        ArgumentNullException.ThrowIfNull(blob);
        if (ByMediaType.TryGetValue(blob.MediaType, out BlobFetch whole)) return whole;
        string first = string.Concat(blob.MediaType.AsSpan(0, blob.MediaType.IndexOf('/', StringComparison.Ordinal)), "/*");
        return ByMediaType.TryGetValue(first, out BlobFetch part) ? part : Fetch;
    }

    /// <summary>Why it cannot be kept; <see langword="null"/> if it can.</summary>
    internal string? FindProblem() => ByMediaType.Count > MediaTypesMax ? $"A policy names at most {MediaTypesMax} media types, and not {ByMediaType.Count}."
        : ByMediaType.Keys.FirstOrDefault(t => Encoding.UTF8.GetByteCount(t) > Blob.MediaTypeLengthMax) is { } longest ? $"'{longest}' is longer than a media type."
        : !Enum.IsDefined(Fetch) || !ByMediaType.Values.All(Enum.IsDefined) ? "Attachments are taken always, on demand, never, or behind the thumbnails."
        : BytesPerConnectionMax < 0 || QuotaBytes < 0 ? "A number of bytes is not negative."
        : null;
}
