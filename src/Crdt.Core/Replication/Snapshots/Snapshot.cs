namespace Crdt;

/// <summary>A state in place of the log that led to it: made in the server role, joined by whoever lacks some of it, kept by
/// whoever drops the log before it (semantics 3.4).</summary>
/// <param name="Maker">The server-role replica that made it.</param>
/// <param name="Vector">What it includes.</param>
/// <param name="Digest">Digest of the state.</param>
/// <param name="Chunks">Number of its chunks.</param>
/// <param name="LengthBytes">Bytes of its chunks and its manifest, as they are stored and sent.</param>
public sealed record Snapshot(ReplicaId Maker, VersionVector Vector, StateDigest Digest, int Chunks, long LengthBytes)
{
    /// <summary>Tells it from others.</summary>
    internal long Number { get; init; }

    /// <summary>From where on in the log its chunks are found.</summary>
    internal LogPosition ChunksFrom { get; init; }

    /// <summary>From where on in the log its manifest is found.</summary>
    internal LogPosition ManifestFrom { get; init; }

    internal static Snapshot Of(SnapshotManifest manifest, LogPosition chunksFrom, LogPosition manifestFrom) => new(
        manifest.Maker, manifest.Vector, new StateDigest(manifest.Digest), manifest.Chunks.Count,
        manifest.LengthBytes + manifest.Bytes.Length)
    {
        Number = manifest.Number,
        ChunksFrom = chunksFrom,
        ManifestFrom = manifestFrom,
    };
}
