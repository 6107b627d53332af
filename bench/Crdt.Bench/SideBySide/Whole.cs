using System.IO.Compression;
using Crdt.Bench.Workloads;

namespace Crdt.Bench.SideBySide;

/// <summary>The full state, as a server's snapshot.</summary>
internal sealed class Whole
{
    private readonly SnapshotManifest manifest;
    private readonly List<ReadOnlyMemory<byte>> chunks;

    public Whole(IEnumerable<BatchRun> runs)
        : this(Server(runs))
    {
    }

    public Whole(Replica server)
    {
        Snapshot snapshot = Lab.Finish(server.TakeSnapshotAsync());
        manifest = server.Writer.Snapshots.ReadManifest(snapshot);
        chunks = [.. server.Writer.Snapshots.ReadChunks(manifest, snapshot.ChunksFrom)];
        LengthBytes = snapshot.LengthBytes;
    }

    public long LengthBytes { get; }

    public int ChunkCount => chunks.Count;

    public int CompressedLengthBytes
    {
        get
        {
            using var to = new MemoryStream();
            using (var gzip = new GZipStream(to, CompressionLevel.Optimal, leaveOpen: true))
            {
                foreach (ReadOnlyMemory<byte> chunk in chunks) gzip.Write(chunk.Span);
            }
            return (int)to.Length;
        }
    }

    public static Replica Server(IEnumerable<BatchRun> runs)
    {
        var store = new MemoryReplicaStore(new ReplicaIdentity(Lab.Genesis.Space, Lab.IdOf(9), ReplicaRole.Server));
        Replica server = Lab.Finish(Replica.OpenAsync(store, new ReplicaOptions { Time = TimeProvider.System, Genesis = Lab.Genesis }));
        Lab.Apply(server, runs);
        return server;
    }

    public void Join(Replica replica)
    {
        for (int i = Lab.Finish(replica.ConsiderAsync(manifest, CancellationToken.None)); i < chunks.Count; i++)
            Lab.Finish(replica.TakeAsync(manifest, i, chunks[i], CancellationToken.None));
        Lab.Finish(replica.JoinAsync(manifest, CancellationToken.None));
    }
}
