namespace Crdt;

/// <summary>A snapshot on its way from a peer: its manifest can be believed, and some of its chunks are here.</summary>
/// <param name="Manifest">The manifest.</param>
/// <param name="Next">The chunk that comes next.</param>
internal sealed record SnapshotInbox(SnapshotManifest Manifest, int Next)
{
    /// <summary>Whether the rest is passed over: what was here of it is no more.</summary>
    public bool IsGivenUp { get; init; }

    /// <summary>Whether all chunks are here.</summary>
    public bool IsComplete => Next == Manifest.Chunks.Count;
}
