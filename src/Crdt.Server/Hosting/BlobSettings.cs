namespace Crdt.Server.Hosting;

/// <summary>Attachments: which this server takes from its peers by itself, and how large those may be that come by HTTP. What is not
/// set is as it was kept with the replica.</summary>
internal sealed class BlobSettings
{
    /// <summary>What is taken where <see cref="Types"/> names no other.</summary>
    public BlobFetch? Fetch { get; set; }

    /// <summary>By media type: <c>video/*=OnDemand</c>.</summary>
    public IList<string> Types { get; } = [];

    /// <summary>What all may take, in bytes.</summary>
    public long? QuotaBytes { get; set; }

    /// <summary>What is taken over one connection with a peer, in bytes.</summary>
    public long? BytesPerConnectionMax { get; set; }

    /// <summary>The largest that comes by HTTP, in bytes.</summary>
    public long UploadBytesMax { get; set; } = 10L << 30;

    /// <summary>What holds while the server runs.</summary>
    /// <param name="kept">What is kept with the replica.</param>
    /// <exception cref="InvalidOperationException">A type is none.</exception>
    internal BlobPolicy Over(BlobPolicy kept)
    {
        Dictionary<string, BlobFetch> types = Fetch is null ? kept.ByMediaType.ToDictionary() : [];
        foreach (string given in Types)
        {
            int at = given.LastIndexOf('=');
            if (at <= 0 || !Enum.TryParse(given.AsSpan(at + 1), ignoreCase: true, out BlobFetch fetch))
                throw new InvalidOperationException($"Crdt:Blobs:Types: '{given}' is not TYPE=WHEN, as in video/*=OnDemand.");
            types[given[..at]] = fetch;
        }
        return new BlobPolicy
        {
            Fetch = Fetch ?? kept.Fetch,
            ByMediaType = types,
            QuotaBytes = QuotaBytes ?? kept.QuotaBytes,
            BytesPerConnectionMax = BytesPerConnectionMax ?? kept.BytesPerConnectionMax,
        };
    }
}
