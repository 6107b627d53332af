namespace Crdt;

/// <summary>Durable home of one replica: a log, which is the truth, and a projection of it, which is what entities
/// are read from when they are not in memory. One process, one replica engine at a time.</summary>
/// <remarks>
/// <para>The replica is the only caller. It calls <see cref="AppendAsync"/> and <see cref="ProjectAsync"/> one at a
/// time each (the two may overlap); all reads may come from any thread at any time, beside both.</para>
/// <para>A failure of the environment is a store's own exception, after which nothing of the call has happened.</para>
/// </remarks>
public interface IReplicaStore : IAsyncDisposable
{
    /// <summary>Who this replica is: as it was created, with the writer identity of the last appended entry of kind
    /// <see cref="LogEntryKind.Identity"/>, if there is one.</summary>
    ReplicaIdentity Identity { get; }

    /// <summary>Whether the store keeps projected entities, so that the replica may forget them. If not, the replica
    /// keeps all in memory, reads the whole log at opening, and never calls <see cref="ProjectAsync"/>,
    /// <see cref="ResetProjectionAsync"/>, <see cref="ReadState"/>, <see cref="Keys"/>, <see cref="MarkedKeys"/>,
    /// <see cref="ZonedTo"/>, <see cref="ReadZones"/>, <see cref="Find"/> or <see cref="FindSorted"/>.</summary>
    bool IsProjecting { get; }

    /// <summary>The position that the projection includes the log up to: the beginning when there is none.</summary>
    LogPosition ProjectedTo { get; }

    /// <summary>The checkpoint of the last projection; empty when there is none.</summary>
    ReadOnlyMemory<byte> Checkpoint { get; }

    /// <summary>Where the next entry will begin.</summary>
    LogPosition LogEnd { get; }

    /// <summary>Where the first entry begins that is still held: the beginning as long as nothing was dropped.</summary>
    LogPosition LogStart { get; }

    /// <summary>Appends entries, all or none of them.</summary>
    /// <param name="entries">In order; at least one. The memory must not change until the call completes.</param>
    /// <param name="isDurable">When set, the call completes once the entries survive power loss, together with
    /// everything appended before; otherwise it may complete earlier.</param>
    /// <param name="cancellationToken">Gives up waiting; the entries may have been appended none the less.</param>
    /// <returns><see cref="LogEnd"/> after the entries.</returns>
    ValueTask<LogPosition> AppendAsync(
        ReadOnlyMemory<LogEntry> entries, bool isDurable, CancellationToken cancellationToken);

    /// <summary>Completes once everything appended before survives power loss.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    ValueTask SyncAsync(CancellationToken cancellationToken);

    /// <summary>Reads entries in log order, lazily, in bounded memory, up to the end as it was at the first step.</summary>
    /// <param name="from">A position given by this store; the beginning is <c>default</c>. What was dropped is passed over,
    /// also when that happens while the reading goes on: <see cref="LogStart"/> has moved before.</param>
    IEnumerable<LoggedEntry> ReadLog(LogPosition from);

    /// <summary>A position before which everything is covered by <paramref name="covered"/> (<see cref="LogEntry.Reaches"/>):
    /// a good place to start reading what is not. Need not be the last such position, but the work to find it does not grow
    /// with the log. <see cref="LogStart"/> where that lies before it.</summary>
    LogPosition FindStart(VersionVector covered);

    /// <summary>A position at or before the batch of <paramref name="author"/> that holds <paramref name="sequence"/>,
    /// or the end when nothing has.</summary>
    LogPosition FindStart(ReplicaId author, long sequence);

    /// <summary>Drops entries from the beginning of the log, up to a floor or somewhat less; positions stay as they are. After
    /// a crash at any instant some first part of these is gone, and everything from the floor on is there. One call at a
    /// time, beside anything else.</summary>
    /// <param name="floor">A position given by this store, not behind <see cref="LogEnd"/>, nor behind
    /// <see cref="ProjectedTo"/> where there is a projection. Nothing happens where it does not lie behind
    /// <see cref="LogStart"/>.</param>
    /// <param name="cancellationToken">Stops between parts; what was dropped by then stays dropped.</param>
    /// <exception cref="ArgumentOutOfRangeException">The floor lies too far behind; nothing was dropped.</exception>
    ValueTask PruneAsync(LogPosition floor, CancellationToken cancellationToken);

    /// <summary>Takes an update into the projection in one transaction, and then moves <see cref="ProjectedTo"/>.
    /// Runs beside commits, on a thread of the store's own.</summary>
    ValueTask ProjectAsync(ProjectionUpdate update, CancellationToken cancellationToken);

    /// <summary>Forgets the projection and its checkpoint: <see cref="ProjectedTo"/> is the beginning again. No
    /// <see cref="ProjectAsync"/> is under way. After a crash meanwhile the store may open with an earlier projection, or
    /// with none.</summary>
    ValueTask ResetProjectionAsync(CancellationToken cancellationToken);

    /// <summary>The registers of an entity as last projected, or <see langword="null"/> when it never was.</summary>
    ReadOnlyMemory<byte>? ReadState(EntityKey key);

    /// <summary>Keys of the projected entities, deleted ones too, of a domain and type, or of all; in the order of
    /// <see cref="EntityKey"/>; read page by page.</summary>
    IEnumerable<EntityKey> Keys(string? domain = null, string? type = null);

    /// <summary>Keys of the projected entities that have a mark, in order.</summary>
    /// <param name="mark">One of them.</param>
    IEnumerable<EntityKey> MarkedKeys(EntityMarks mark);

    /// <summary>Where the last zone ends that an update brought; the beginning when there is none.</summary>
    LogPosition ZonedTo { get; }

    /// <summary>The zones that updates brought and that end behind a position, in order; read page by page.</summary>
    IEnumerable<LogZone> ReadZones(LogPosition from);

    /// <summary>The indexes that were asked for, in order of domain, type and field.</summary>
    IReadOnlyList<EntityIndex> Indexes { get; }

    /// <summary>Makes an index over the projected entities, those to come included, unless there is one. It stays until it is
    /// dropped, also when the projection is forgotten or lost. Runs beside commits; a projection that is under way is waited
    /// for. Where nothing is projected the index is only taken note of.</summary>
    /// <exception cref="ArgumentException">There are too many.</exception>
    ValueTask EnsureIndexAsync(EntityIndex index, CancellationToken cancellationToken);

    /// <summary>Drops an index.</summary>
    /// <returns>Whether there was one.</returns>
    ValueTask<bool> DropIndexAsync(EntityIndex index, CancellationToken cancellationToken);

    /// <summary>Finds, by indexes, the projected living entities of a type that may fulfil a filter; <see langword="null"/> when
    /// no index narrows it down. While it is enumerated, updates may come in between: of entities that none of them brings all
    /// are found.</summary>
    IndexSearch? Find(string domain, string type, EntityFilter filter);

    /// <summary>Reads the projected living entities of a type out of an index, in the order of what is visible in its field, and
    /// then of keys; <see langword="null"/> when there is no such index. Otherwise as <see cref="Find"/>.</summary>
    /// <param name="index">Which.</param>
    /// <param name="isDescending">Whether to begin at the end.</param>
    /// <param name="filter">May be used to read less.</param>
    IndexSearch? FindSorted(EntityIndex index, bool isDescending, EntityFilter? filter);

    /// <summary>Where the replica keeps the content of blobs; the store's own, closed with it. Its calls may come from any
    /// thread at any time, beside all others.</summary>
    IBlobStore Blobs { get; }
}
