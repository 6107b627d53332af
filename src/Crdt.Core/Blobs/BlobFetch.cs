namespace Crdt;

/// <summary>When a device takes the content of a blob that a field names.</summary>
public enum BlobFetch
{
    /// <summary>As soon as a peer has it.</summary>
    Always,

    /// <summary>When somebody here asks for it (<see cref="ReplicaBlobs.FetchAsync"/>).</summary>
    OnDemand,

    /// <summary>Not at all: who asks is refused (<see cref="BlobError.NotAllowed"/>).</summary>
    Never,

    /// <summary>Once every thumbnail that is known is there: those are the blobs in fields whose last name is
    /// <c>thumbnail</c>, which come first anyhow.</summary>
    ThumbnailFirst,
}
