namespace Crdt.Store.Postgres;

/// <summary>One replica in a PostgreSQL database, beside others of its space and of other spaces. Several processes work on
/// one database at once, each with a replica of its own; <see cref="PostgresFeed"/> keeps them together.</summary>
/// <remarks>
/// <para>Batches are held once for each space, however many replicas there are; each replica's log is the order in which it
/// applied them. Registers are each replica's own. Documents are shared, as JSONB, for SQL to read:
/// <c>select id, document ->> 'species' from crdt_document where domain = 'incident' and document is not null</c>.</para>
/// <para>An append is one exchange and one transaction, durable when it returns. A process that is killed loses nothing
/// that it has acknowledged; another one opens its replica when the lease has ended.</para>
/// <para>Failures of the database are <see cref="StoreException"/>. A database that restarts is waited for.</para>
/// </remarks>
public sealed class PostgresReplicaStore : IReplicaStore
{
    private readonly Member member;
    private readonly MemberLog log;
    private readonly MemberProjection projection;
    private readonly SpaceId space;
    private readonly Lock gate = new();

    // How much of what the space's other replicas wrote is in the log, and from which place on it is.
    private readonly Queue<(long At, long Fed)> feeds = new();
    private long fed;
    private int isDisposed;

    private PostgresReplicaStore(Member member, SpaceId space, IBlobStore? blobs)
    {
        (this.member, this.space) = (member, space);
        Blobs = blobs ?? new MissingBlobStore();
        log = MemberLog.Open(member);
        projection = new MemberProjection(member);
        fed = member.OpenedFed;
    }

    /// <inheritdoc/>
    public ReplicaIdentity Identity => new(space, log.Writer, member.Role);

    /// <inheritdoc/>
    public bool IsProjecting => true;

    /// <inheritdoc/>
    public LogPosition ProjectedTo => projection.Position;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Checkpoint => projection.Checkpoint;

    /// <inheritdoc/>
    public LogPosition LogEnd => new(log.End);

    /// <inheritdoc/>
    public LogPosition LogStart => new(log.Start);

    /// <summary>Why this process may not write any more, and has to open the replica again; <see langword="null"/> while all is
    /// well.</summary>
    public StoreException? Fault => member.Fault;

    internal Member Member => member;

    internal MemberLog Log => log;

    /// <summary>Whether a database holds a replica. Makes the tables, where there are none.</summary>
    /// <param name="connectionString">The database, as Npgsql names it.</param>
    /// <param name="space">The replica's space.</param>
    /// <param name="replica">The id that it was created under.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static Task<bool> ExistsAsync(
        string connectionString, SpaceId space, ReplicaId replica, CancellationToken cancellationToken = default) =>
        WithAsync(connectionString, PostgresStoreOptions.Default, async database =>
        {
            bool exists = database.Read("select 1 from crdt_member where space = $1 and member = $2", row => row.GetInt32(0),
                Database.Of(Member.RowsOf(space)), Database.Of(replica.Value)).Count > 0;
            await database.DisposeAsync().ConfigureAwait(false);
            return exists;
        }, cancellationToken);

    /// <summary>Creates an empty replica and opens it. Makes the tables, where there are none.</summary>
    /// <param name="connectionString">The database, as Npgsql names it.</param>
    /// <param name="identity">Who it is.</param>
    /// <param name="options">How it is opened.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StoreException"><see cref="StoreError.AlreadyExists"/>, <see cref="StoreError.UnsupportedFormat"/>,
    /// <see cref="StoreError.WriteFailed"/>, <see cref="StoreError.ReadFailed"/>.</exception>
    public static Task<PostgresReplicaStore> CreateAsync(
        string connectionString, ReplicaIdentity identity, PostgresStoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(identity);
        options ??= PostgresStoreOptions.Default;
        return WithAsync(connectionString, options, async database =>
        {
            await Member.CreateAsync(database, identity, cancellationToken).ConfigureAwait(false);
            return await OpenAsync(database, identity.Space, identity.Replica, options, cancellationToken).ConfigureAwait(false);
        }, cancellationToken);
    }

    /// <summary>Opens a replica, for this process alone.</summary>
    /// <param name="connectionString">The database, as Npgsql names it.</param>
    /// <param name="space">The replica's space.</param>
    /// <param name="replica">The id that it was created under.</param>
    /// <param name="options">How it is opened.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StoreException"><see cref="StoreError.NotFound"/>; <see cref="StoreError.InUse"/>: another process has
    /// it, or has died within the lease; <see cref="StoreError.UnsupportedFormat"/>, <see cref="StoreError.LogDamaged"/>,
    /// <see cref="StoreError.WriteFailed"/>, <see cref="StoreError.ReadFailed"/>.</exception>
    public static Task<PostgresReplicaStore> OpenAsync(
        string connectionString, SpaceId space, ReplicaId replica, PostgresStoreOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        options ??= PostgresStoreOptions.Default;
        return WithAsync(connectionString, options,
            database => OpenAsync(database, space, replica, options, cancellationToken), cancellationToken);
    }

    /// <summary>Brings a replica from another store into a database, with its id, and opens it there. The other must never be
    /// opened again: two replicas of one id are a fork. Makes the tables, where there are none.</summary>
    /// <param name="connectionString">The database, as Npgsql names it.</param>
    /// <param name="from">The replica's store until now, with no replica on it. Stays as it is.</param>
    /// <param name="options">How it is opened.</param>
    /// <param name="cancellationToken">Gives up; the database may hold a first part, which is taken up again.</param>
    /// <exception cref="InvalidOperationException">The other's log names places in itself: it was pruned, or met a fork.</exception>
    /// <exception cref="StoreException"><see cref="StoreError.AlreadyExists"/>: the database holds the replica, and more or something else of it.
    /// Otherwise as <see cref="OpenAsync(string, SpaceId, ReplicaId, PostgresStoreOptions?, CancellationToken)"/>.</exception>
    public static async Task<PostgresReplicaStore> ImportAsync(
        string connectionString, IReplicaStore from, PostgresStoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(from);
        ReplicaIdentity identity = from.Identity;
        PostgresReplicaStore store = await ExistsAsync(connectionString, identity.Space, identity.Replica, cancellationToken).ConfigureAwait(false)
            ? await OpenAsync(connectionString, identity.Space, identity.Replica, options, cancellationToken).ConfigureAwait(false)
            : await CreateAsync(connectionString, identity, options, cancellationToken).ConfigureAwait(false);
        try
        {
            await LogImport.RunAsync(from, store, cancellationToken).ConfigureAwait(false);
            foreach (EntityIndex index in from.Indexes) await store.EnsureIndexAsync(index, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // What was brought is read anew.
            await store.DisposeAsync().ConfigureAwait(false);
        }
        return await OpenAsync(connectionString, identity.Space, identity.Replica, options, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<LogPosition> AppendAsync(
        ReadOnlyMemory<LogEntry> entries, bool isDurable, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Task<long> append = log.AppendAsync(entries, isDurable);
        return new LogPosition(await append.WaitAsync(cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public async ValueTask SyncAsync(CancellationToken cancellationToken) => await log.SyncAsync(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public IEnumerable<LoggedEntry> ReadLog(LogPosition from) => log.Read(from.Value);

    /// <inheritdoc/>
    public LogPosition FindStart(VersionVector covered)
    {
        ArgumentNullException.ThrowIfNull(covered);
        return new LogPosition(log.FindStart(covered));
    }

    /// <inheritdoc/>
    public LogPosition FindStart(ReplicaId author, long sequence) => new(log.FindStart(author, sequence));

    /// <inheritdoc/>
    /// <remarks>Whole appends only. An entry of the space goes when no replica's log has it any more, and every replica that
    /// was heard of in the last week has had it offered.</remarks>
    public async ValueTask PruneAsync(LogPosition floor, CancellationToken cancellationToken)
    {
        if (floor > ProjectedTo)
        {
            throw new ArgumentOutOfRangeException(
                nameof(floor), $"The projection includes the log up to {ProjectedTo.Value} only, the floor is {floor.Value}.");
        }
        await log.PruneAsync(floor.Value, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask ProjectAsync(ProjectionUpdate update, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(update);
        cancellationToken.ThrowIfCancellationRequested();
        if (update.UpTo > LogEnd) throw new ArgumentException("The update includes more than the log holds.", nameof(update));
        long known = FedAt(update.UpTo.Value);
        // Behind the place, if anything: what it holds beyond is read again at the next opening.
        long end = log.End;
        byte[] reach = log.Reach.Encode();
        // Encoding and the reading of zones block: on a thread that may.
        await Task.Run(() => projection.ApplyAsync(update, known, (end, reach)), CancellationToken.None).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask ResetProjectionAsync(CancellationToken cancellationToken) =>
        await projection.ResetAsync(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public ReadOnlyMemory<byte>? ReadState(EntityKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return projection.ReadState(key);
    }

    /// <inheritdoc/>
    public IEnumerable<EntityKey> Keys(string? domain = null, string? type = null) => projection.Keys(domain, type);

    /// <inheritdoc/>
    public IEnumerable<EntityKey> MarkedKeys(EntityMarks mark) => projection.MarkedKeys(mark);

    /// <inheritdoc/>
    public LogPosition ZonedTo => projection.ZonedTo;

    /// <inheritdoc/>
    public IEnumerable<LogZone> ReadZones(LogPosition from) => projection.ReadZones(from);

    /// <inheritdoc/>
    public IReadOnlyList<EntityIndex> Indexes => projection.Indexes;

    /// <inheritdoc/>
    public async ValueTask EnsureIndexAsync(EntityIndex index, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(index);
        await projection.EnsureIndexAsync(index, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> DropIndexAsync(EntityIndex index, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(index);
        return await projection.DropIndexAsync(index, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public IndexSearch? Find(string domain, string type, EntityFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return projection.Find(domain, type, filter);
    }

    /// <inheritdoc/>
    public IndexSearch? FindSorted(EntityIndex index, bool isDescending, EntityFilter? filter)
    {
        ArgumentNullException.ThrowIfNull(index);
        return projection.FindSorted(index, isDescending, filter);
    }

    /// <inheritdoc/>
    public IBlobStore Blobs { get; }

    /// <summary>Waits for what is under way, lets others open the replica, and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0) return;
        await Blobs.DisposeAsync().ConfigureAwait(false);
        await projection.DisposeAsync().ConfigureAwait(false);
        log.Dispose();
        await member.DisposeAsync().ConfigureAwait(false);
        await member.Database.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Takes note that the log holds all of the space's entries before a position.</summary>
    internal void NoteFed(long position)
    {
        lock (gate) feeds.Enqueue((log.End, position));
    }

    private long FedAt(long upTo)
    {
        lock (gate)
        {
            while (feeds.TryPeek(out (long At, long Fed) next) && next.At <= upTo) fed = Math.Max(fed, feeds.Dequeue().Fed);
            return fed;
        }
    }

    private static async Task<PostgresReplicaStore> OpenAsync(
        Database database, SpaceId space, ReplicaId replica, PostgresStoreOptions options, CancellationToken cancellationToken)
    {
        Member member = await Member.OpenAsync(database, space, replica, options, cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => new PostgresReplicaStore(member, space, options.Blobs), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await member.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<T> WithAsync<T>(
        string connectionString, PostgresStoreOptions options, Func<Database, Task<T>> open, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionString);
        var database = new Database(connectionString, options.Patience);
        try
        {
            await Schema.EnsureAsync(database, cancellationToken).ConfigureAwait(false);
            return await open(database).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            await database.DisposeAsync().ConfigureAwait(false);
            if (e is Npgsql.NpgsqlException or IOException or TimeoutException) throw Database.Failed("Opening", e);
            throw;
        }
    }
}
