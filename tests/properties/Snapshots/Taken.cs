namespace Crdt.Properties;

/// <summary>A snapshot as it travels: manifest and chunks.</summary>
internal sealed record Taken(SnapshotManifest Manifest, IReadOnlyList<ReadOnlyMemory<byte>> Chunks)
{
    public static async Task<Taken> FromAsync(Replica maker)
    {
        Snapshot snapshot = await maker.TakeSnapshotAsync();
        SnapshotManifest manifest = maker.Writer.Snapshots.ReadManifest(snapshot);
        return new Taken(manifest, [.. maker.Writer.Snapshots.ReadChunks(manifest, snapshot.ChunksFrom)]);
    }

    public async Task JoinAsync(Replica replica)
    {
        if (replica.Vector.Covers(Manifest.Vector)) return;
        for (int i = await replica.ConsiderAsync(Manifest, default); i < Chunks.Count; i++)
            await replica.TakeAsync(Manifest, i, Chunks[i], default);
        await replica.JoinAsync(Manifest, default);
    }

    /// <summary>The same content under another manifest.</summary>
    public Taken With(
        ReplicaIdentity? identity = null, IReadOnlyList<SnapshotHead>? heads = null, IReadOnlyList<ReadOnlyMemory<byte>>? chunks = null,
        UInt128? digest = null, ReplicaId? authority = null, ReadOnlyMemory<byte>? founding = null)
    {
        chunks ??= Chunks;
        byte[] bytes = SnapshotManifest.Encode(
            identity ?? new ReplicaIdentity(Manifest.Space, Manifest.Maker, Manifest.Role), authority ?? Manifest.Authority,
            founding ?? Manifest.Founding, digest ?? Manifest.Digest, heads ?? Manifest.Heads,
            [.. chunks.Select(c => new SnapshotChunk(System.Security.Cryptography.SHA256.HashData(c.Span), c.Length))],
            [.. Manifest.Members], _ => Manifest.Signature.ToArray());
        return new Taken(SnapshotManifest.Decode(bytes), chunks);
    }
}
