namespace Crdt.Server.Hosting;

/// <summary>Attachments: which this server takes from its peers by itself, and how large those may be that come by HTTP.</summary>
internal sealed class BlobSettings
{
    /// <summary>What is taken where <see cref="Types"/> names no other.</summary>
    public BlobFetch Fetch { get; set; } = BlobFetch.Always;

    /// <summary>By media type: <c>video/*=OnDemand</c>.</summary>
    public IList<string> Types { get; } = [];

    /// <summary>What all may take, in bytes; without limit unless it is set.</summary>
    public long QuotaBytes { get; set; } = long.MaxValue;

    /// <summary>What is taken over one connection with a peer, in bytes; without limit unless it is set.</summary>
    public long BytesPerConnectionMax { get; set; } = long.MaxValue;

    /// <summary>The largest that comes by HTTP, in bytes.</summary>
    public long UploadBytesMax { get; set; } = 10L << 30;

    /// <summary>The same as the replica has it.</summary>
    /// <exception cref="InvalidOperationException">A type is none.</exception>
    internal BlobPolicy ToPolicy()
    {
        var types = new Dictionary<string, BlobFetch>();
        foreach (string given in Types)
        {
            int at = given.LastIndexOf('=');
            if (at <= 0 || !Enum.TryParse(given.AsSpan(at + 1), ignoreCase: true, out BlobFetch fetch))
                throw new InvalidOperationException($"Crdt:Blobs:Types: '{given}' is not TYPE=WHEN, as in video/*=OnDemand.");
            types[given[..at]] = fetch;
        }
        return new BlobPolicy { Fetch = Fetch, ByMediaType = types, QuotaBytes = QuotaBytes, BytesPerConnectionMax = BytesPerConnectionMax };
    }
}
