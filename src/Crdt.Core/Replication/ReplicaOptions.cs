namespace Crdt;

/// <summary>How a <see cref="Replica"/> runs.</summary>
public sealed record ReplicaOptions
{
    /// <summary>Source of wall time. Needed: Core owns no clock; applications pass <c>TimeProvider.System</c>.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>How far remote timestamps may pull the clock ahead of wall time; five minutes by default.</summary>
    public TimeSpan ClockDriftMax { get; init; } = HybridLogicalClock.DefaultDriftMax;

    /// <summary>The space's founding, for a replica that is opened for the first time; ignored later. Without it the
    /// replica joins its space by its first exchange with a peer, and cannot write before.</summary>
    public SpaceGenesis? Genesis { get; init; }

    /// <summary>The node's key, for spaces that are keyed: the one that the replica is enrolled with. Without it the
    /// replica receives there and cannot write. The caller keeps it, and disposes of it after the replica.</summary>
    public NodeKey? Key { get; init; }

    /// <summary>The scheme of signing that is known here; a space founded under another one is refused.</summary>
    public SignatureScheme Signatures { get; init; } = EcdsaSignatures.Instance;

    /// <summary>Judges what clients wrote, in the server role; without it everything stands.</summary>
    public IAdmission? Admission { get; init; }

    /// <summary>Data types of one's own, from number 16 up. Registers of a type that is not named here are applied, kept
    /// and forwarded, and not shown.</summary>
    /// <exception cref="ArgumentException">Two share a number.</exception>
    public IReadOnlyList<DataType> DataTypes
    {
        get => DataTypeTable.All;
        init => DataTypeTable = new DataTypeTable(value);
    }

    internal DataTypeTable DataTypeTable { get; private init; } = DataTypeTable.Empty;

    /// <summary>Which attachments the device takes by itself while the replica is open. Without it what was set last with
    /// <see cref="ReplicaBlobs.SetPolicyAsync"/>, and all where nothing was.</summary>
    public BlobPolicy? Blobs { get; init; }

    /// <summary>How often a replica in the server role drops deleted entities that everybody has seen deleted
    /// (<see cref="Replica.PurgeAsync"/>); <see langword="null"/>, the default, for only when asked.</summary>
    public TimeSpan? PurgeInterval { get; init; }

    /// <summary>How often the log is made as short as the space's retention asks for
    /// (<see cref="Replica.EnforceRetentionAsync"/>); <see langword="null"/>, the default, for only when asked.</summary>
    public TimeSpan? RetentionInterval { get; init; }

    /// <summary>Entities kept in memory when the store keeps a projection; at least 100. 200,000 by default: about
    /// 200 MB with ten fields each.</summary>
    public int CachedEntitiesMax { get; init; } = 200_000;

    /// <summary>Changed entities after which the projection is brought up to date; at least 1. 4,096 by default: a
    /// restart has at most about that much to apply again.</summary>
    public int ProjectedEntitiesPerUpdate { get; init; } = 4_096;

    /// <summary>Gives a fresh random id when the replica needs a new one: because its own is in use twice, or was fenced.
    /// Needed for that: Core owns no randomness. Without it such a replica goes on reading and passing on, and writes no
    /// more.</summary>
    public Func<ReplicaId>? NewReplicaId { get; init; }

    /// <summary>Remembers outside the replica's files what has left the device, so that a restored or copied file is
    /// noticed when it is opened. Without it only peers notice.</summary>
    public IReleaseRecord? ReleaseRecord { get; init; }

    /// <summary>Whether a replica in the server role fences an author of whom it meets two logs, at what both have in
    /// common; <see langword="true"/> by default.</summary>
    public bool FencesForks { get; init; } = true;

    /// <summary>Whether what is written here is appended together with its head, signed where the space is keyed: for a log that
    /// others read directly (<see cref="LogIntake"/>), so that what is acknowledged is theirs to take even if this process
    /// ends there and then. Costs a signature for each group of commits; <see langword="false"/> by default.</summary>
    public bool ClosesEachRun { get; init; }

    /// <summary>How the attempts to reach peers went, as whoever makes them notes it: shown with what is pending. Without it
    /// mutations tell of no attempts.</summary>
    public ISyncJournal? Journal { get; init; }

    /// <summary>Begins what goes on beside its caller, who may hold a lock: never before that one goes on. Such work tells nobody of
    /// its end, and does not fail.</summary>
    internal Action<Func<Task>> Beside { get; init; } = static work => _ = YieldAndAsync(work);

    /// <summary>Mutations after which a zone of the log's index is closed: what a search reads to find one of them.</summary>
    internal int MutationsPerZone { get; init; } = ZoneBuilder.DefaultMutations;

    private static async Task YieldAndAsync(Func<Task> work)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await work().ConfigureAwait(false);
    }
}
