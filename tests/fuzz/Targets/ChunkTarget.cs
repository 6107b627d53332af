using System.Security.Cryptography;
using Crdt.Testing;

namespace Crdt.Fuzz;

/// <summary>A snapshot's chunk as what it is: a manifest names it by its hash, and whoever is new to the space joins it. It leaves the
/// newcomer as it was, or with exactly the state that the manifest states.</summary>
internal sealed class ChunkTarget : FuzzTarget
{
    // What arrived stays in the newcomer's log, joined or not.
    private const int InputsOfOneNewcomer = 1_024;

    private readonly Team team;
    private readonly SnapshotManifest manifest;
    private Replica newcomer;
    private VersionVector before;
    private int count;

    public ChunkTarget()
    {
        team = Team.CreateAsync(new TeamOptions { Devices = 2, Servers = 1 }).GetAwaiter().GetResult();
        (manifest, Seeds) = MakeAsync().GetAwaiter().GetResult();
        (newcomer, before) = OpenAsync().GetAwaiter().GetResult();
    }

    public override string Name => "chunk";

    public override IReadOnlyList<byte[]> Seeds { get; }

    public override long AllocatedBytesMax(int lengthBytes) => (2L << 20) + (64L * lengthBytes);

    public override bool Run(byte[] input) => RunAsync(input).GetAwaiter().GetResult();

    private async Task<bool> RunAsync(byte[] input)
    {
        if (++count % InputsOfOneNewcomer == 0) await BeginAnewAsync();
        UInt128? sum = Read(input);
        // Where it can be read, each second time with a manifest that it adds up to: then it is joined.
        SnapshotManifest named = Naming(input, sum is { } right && count % 2 == 0 ? right : manifest.Digest);
        bool isJoined = false;
        try
        {
            int held = await newcomer.ConsiderAsync(named, default);
            if (held == 0) await newcomer.TakeAsync(named, 0, input, default);
            await newcomer.JoinAsync(named, default);
            isJoined = true;
        }
        catch (ApplyException e) when (e.Error is ApplyError.BadSnapshot or ApplyError.UnknownFormat or ApplyError.SnapshotDropped)
        {
            // The errors for that.
        }
        if (isJoined)
        {
            if (sum != named.Digest) throw new FuzzException("A chunk was joined that cannot be read, or does not add up to the digest.");
            if ((await newcomer.ComputeDigestAsync(default)).Value != named.Digest) throw new FuzzException("Another state was joined than was stated.");
            await BeginAnewAsync();
        }
        else if (!newcomer.Vector.Equals(before)) throw new FuzzException($"The newcomer holds {newcomer.Vector}, and held {before}.");
        return sum is not null;
    }

    /// <summary>The sum of what a chunk holds; <see langword="null"/> when it is none.</summary>
    private UInt128? Read(byte[] input)
    {
        var replicas = new ReplicaTable();
        var reader = new SnapshotReader(manifest.Heads, [.. manifest.Heads.Select(h => replicas.GetOrAdd(h.Author))], replicas);
        var entities = new List<EntityState>();
        try
        {
            reader.Read(input, entities);
        }
        catch (BatchFormatException)
        {
            return null;
        }
        if (reader.Finish() is { } last) entities.Add(last);
        UInt128 sum = 0;
        foreach (EntityState state in entities) sum += StateDigest.Of(state, replicas);
        return sum;
    }

    private SnapshotManifest Naming(byte[] chunk, UInt128 digest) => SnapshotManifest.Decode(SnapshotManifest.Encode(
        new ReplicaIdentity(manifest.Space, manifest.Maker, manifest.Role), team.Genesis.Authority, team.Genesis.Batch, digest, manifest.Heads,
        [new SnapshotChunk(SHA256.HashData(chunk), Math.Max(1, chunk.Length))], [], static _ => []));

    private async Task BeginAnewAsync()
    {
        await newcomer.DisposeAsync();
        (newcomer, before) = await OpenAsync();
    }

    /// <summary>It holds nothing: of what both hold the own would be kept.</summary>
    private async Task<(Replica, VersionVector)> OpenAsync()
    {
        Replica opened = await Replica.OpenAsync(new MemoryReplicaStore(new(team.Genesis.Space, Team.IdOf(9), ReplicaRole.Client)),
            new ReplicaOptions { Time = TimeProvider.System });
        return (opened, opened.Vector);
    }

    private async Task<(SnapshotManifest, IReadOnlyList<byte[]>)> MakeAsync()
    {
        for (int i = 0; i < 3; i++)
        {
            int at = i;
            await team[i].CommitAsync(tx => tx.Upsert(new("incident", "strike", "42")).Set("species", $"gull {at}").Add("tags", "night").Increment("seen"));
            await team[i].CommitAsync(tx => tx.Upsert(new("incident", "strike", $"{at}")).Set("place", "Bodø").Set("height", at * 1.5));
        }
        await team.MeetAllAsync();
        Snapshot snapshot = await team[2].TakeSnapshotAsync();
        SnapshotManifest made = team[2].Writer.Snapshots.ReadManifest(snapshot);
        var seeds = new List<byte[]>();
        foreach (ReadOnlyMemory<byte> chunk in team[2].Writer.Snapshots.ReadChunks(made, snapshot.ChunksFrom))
        {
            // Stored as it is, and plain, where a change is a change of what it says.
            seeds.Add(chunk.ToArray());
            seeds.Add([1, .. BatchReader.Unpack(chunk, out _).Span]);
        }
        return (made, [.. seeds, .. Corpus.Found("chunk")]);
    }
}
