namespace Crdt.Testing;

/// <summary>What a <see cref="Team"/> is made of.</summary>
public sealed record TeamOptions
{
    /// <summary>Replicas in the client role; they come first.</summary>
    public int Devices { get; init; } = 2;

    /// <summary>Replicas in the server role; they come last.</summary>
    public int Servers { get; init; }

    /// <summary>Whether its stores keep projections, brought up to date with every commit; few entities stay cached.</summary>
    public bool IsProjecting { get; init; }

    /// <summary>Whether the space is keyed: all replicas are enrolled by the founding, each with
    /// <see cref="DeterministicSignatures.KeyOf(ReplicaId)"/>.</summary>
    public bool IsKeyed { get; init; }

    /// <summary>The policies that the space is founded with.</summary>
    public IReadOnlyList<(string Scope, ConflictPolicy Policy)> Policies { get; init; } = [];

    /// <summary>The existence policies that the space is founded with.</summary>
    public IReadOnlyList<(string Scope, ExistencePolicy Policy)> Existence { get; init; } = [];

    /// <summary>Data types that every replica is opened with.</summary>
    public IReadOnlyList<DataType> DataTypes { get; init; } = [];

    /// <summary>Where each replica keeps the content of blobs, by its place; in memory by default.</summary>
    public Func<int, IBlobStore> BlobsOf { get; init; } = _ => new MemoryBlobStore();
}
