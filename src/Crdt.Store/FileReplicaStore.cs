using Crdt.Store.AtRest;
using Crdt.Store.Disk;
using Crdt.Store.LiteDb;
using Crdt.Store.Log;
using LiteDB;

namespace Crdt.Store;

/// <summary>One replica in a directory: a log, which is the truth, and a LiteDB, which is its projection.</summary>
/// <remarks>
/// <para>The log (<c>log/*.seg</c>) is appended to, check-summed, and flushed once for everybody who waits. The
/// projection
/// (<c>projection/</c>) follows in bulk; it is LiteDB on check-summed pages, and not a plain LiteDB file. A projection
/// that is
/// damaged, or that belongs to another log, is moved aside at opening and begun anew from the log.</para>
/// <para>Opening reads the log's last segment and LiteDB's own log, a few MB, however much the replica holds.</para>
/// <para>Failures of the environment are <see cref="StoreException"/>.</para>
/// </remarks>
public sealed class FileReplicaStore : IReplicaStore
{
    private const int IdentityLengthBytes = SpaceId.LengthBytes + ReplicaId.LengthBytes + 1;

    private readonly ReplicaLog log;
    private readonly ReplicaIdentity created;
    private readonly ProjectionDatabase projection;
    private readonly Func<FileBlobStore> openBlobs;
    private readonly Lock gate = new();
    private FileBlobStore? blobs;
    private bool isClosed;

    private FileReplicaStore(ReplicaLog log, ProjectionFiles files, Func<FileBlobStore> openBlobs)
    {
        this.log = log;
        this.openBlobs = openBlobs;
        created = DecodeIdentity(log.Identity.Span);
        projection = files.Open(log, out string? lost);
        ProjectionLoss = lost;
    }

    /// <inheritdoc/>
    public ReplicaIdentity Identity =>
        log.Writer is { IsEmpty: false } writer ? created with { Replica = writer } : created;

    /// <inheritdoc/>
    public bool IsProjecting => true;

    /// <inheritdoc/>
    public LogPosition ProjectedTo => projection.Mark.Position;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Checkpoint => projection.Mark.Checkpoint;

    /// <inheritdoc/>
    public LogPosition LogEnd => new(log.WrittenEnd);

    /// <inheritdoc/>
    public LogPosition LogStart => new(log.Start);

    /// <summary>Why the projection was begun anew at opening; null if it was not.</summary>
    public string? ProjectionLoss { get; }

    /// <summary>Whether a directory holds a replica, intact or not.</summary>
    /// <param name="directory">The replica's own; may be missing.</param>
    public static bool Exists(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return ReplicaLog.Exists(LogDirectory(directory), RealDisk.Instance);
    }

    /// <summary>Whether a directory holds an encrypted replica.</summary>
    /// <param name="directory">The replica's own; may be missing.</param>
    public static bool IsEncrypted(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return RealDisk.Instance.Exists(KeyFile.PathIn(directory)) || ReplicaLog.IsEncrypted(LogDirectory(directory), RealDisk.Instance);
    }

    /// <summary>Changes the key or passphrase that opens an encrypted replica, which nobody has open: one small file is
    /// replaced. The data stay under the same data key, so a copy of the old file still opens them with the old key.</summary>
    /// <param name="directory">The replica's.</param>
    /// <param name="from">What opens it now.</param>
    /// <param name="to">What shall open it from now on.</param>
    /// <exception cref="StoreException"><see cref="StoreError.NotFound"/>, <see cref="StoreError.NotEncrypted"/>,
    /// <see cref="StoreError.InUse"/>, <see cref="StoreError.WrongKey"/>, <see cref="StoreError.KeyDamaged"/>,
    /// <see cref="StoreError.DiskFull"/>, <see cref="StoreError.WriteFailed"/>.</exception>
    public static void ChangeKey(string directory, StoreKey from, StoreKey to)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        IDisk disk = RealDisk.Instance;
        try
        {
            using IDisposable held = ReplicaLog.Hold(LogDirectory(directory), disk);
            CheckKey(directory, disk, from);
            KeyFile.Change(disk, directory, from, to);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw StoreException.FromWrite("Changing the key", e);
        }
    }

    /// <summary>Creates an empty replica and opens it.</summary>
    /// <param name="directory">For this replica alone; created if missing.</param>
    /// <param name="identity">Who it is.</param>
    /// <param name="key">Encrypts the replica; null for one that everybody reads who reads the disk. Not needed any more when
    /// this returns.</param>
    /// <exception cref="StoreException"><see cref="StoreError.AlreadyExists"/>, <see cref="StoreError.InUse"/>,
    /// <see cref="StoreError.DiskFull"/>, <see cref="StoreError.WriteFailed"/>.</exception>
    public static FileReplicaStore Create(string directory, ReplicaIdentity identity, StoreKey? key = null) =>
        Create(directory, identity, LogOptions.Default, key);

    /// <summary>Opens a replica, for this process alone.</summary>
    /// <param name="directory">As given to <see cref="Create(string, ReplicaIdentity, StoreKey?)"/>.</param>
    /// <param name="key">What the replica is encrypted under; null where it is not. Not needed any more when this
    /// returns.</param>
    /// <exception cref="StoreException"><see cref="StoreError.KeyRequired"/>, <see cref="StoreError.WrongKey"/>,
    /// <see cref="StoreError.NotEncrypted"/>, <see cref="StoreError.KeyDamaged"/>: nothing was touched;
    /// <see cref="StoreError.NotFound"/>, <see cref="StoreError.InUse"/>,
    /// <see cref="StoreError.UnsupportedFormat"/>, <see cref="StoreError.LogDamaged"/>, <see
    /// cref="StoreError.ReadFailed"/>,
    /// <see cref="StoreError.DiskFull"/>, <see cref="StoreError.WriteFailed"/>.</exception>
    public static FileReplicaStore Open(string directory, StoreKey? key = null) =>
        Open(directory, LogOptions.Default, key);

    /// <inheritdoc/>
    public async ValueTask<LogPosition> AppendAsync(
        ReadOnlyMemory<LogEntry> entries, bool isDurable, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!cancellationToken.CanBeCanceled)
            return new LogPosition(await log.AppendAsync(entries, isDurable).ConfigureAwait(false));

        // Whoever gives up waiting may use the memory for something else.
        Task<long> append = log.AppendAsync(entries.ToArray(), isDurable).AsTask();
        return new LogPosition(await append.WaitAsync(cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public async ValueTask SyncAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await log.SyncAsync().ConfigureAwait(false);
    }

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
    /// <remarks>Whole segments only: what is kept begins up to one segment before the floor.</remarks>
    public async ValueTask PruneAsync(LogPosition floor, CancellationToken cancellationToken)
    {
        if (floor > ProjectedTo)
        {
            throw new ArgumentOutOfRangeException(
                nameof(floor), $"The projection includes the log up to {ProjectedTo.Value} only, the floor is {floor.Value}.");
        }
        // The bytes before the projection's position tell whose projection it is.
        long to = Math.Min(floor.Value, ProjectedTo.Value - 1);
        await Task.Run(() => log.Prune(to, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask ProjectAsync(ProjectionUpdate update, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(update);
        cancellationToken.ThrowIfCancellationRequested();
        if (update.UpTo > LogEnd)
            throw new ArgumentException("The update includes more than the log holds.", nameof(update));

        // A projection must never hold what its log may lose.
        if (update.UpTo.Value > log.DurableEnd)
            await log.SyncAsync().ConfigureAwait(false);
        // A thread of its own: LiteDB's transactions belong to threads, and an update may take seconds.
        await Task.Factory.StartNew(
            () => projection.Apply(update, log.MarkAt(update.UpTo.Value)),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask ResetProjectionAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await Task.Run(projection.Reset, CancellationToken.None).ConfigureAwait(false);
    }

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
    /// <exception cref="StoreException">As of the projection; the index may have come to be.</exception>
    public async ValueTask EnsureIndexAsync(EntityIndex index, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(index);
        cancellationToken.ThrowIfCancellationRequested();
        // A thread of its own: LiteDB's transactions belong to threads, and this may take seconds.
        Task making = Task.Factory.StartNew(
            () => projection.EnsureIndex(index), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await making.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> DropIndexAsync(EntityIndex index, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(index);
        cancellationToken.ThrowIfCancellationRequested();
        Task<bool> dropping = Task.Factory.StartNew(
            () => projection.DropIndex(index), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return await dropping.WaitAsync(cancellationToken).ConfigureAwait(false);
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

    /// <summary>The LiteDB collection that holds the documents of a type, for <see cref="Query"/>.</summary>
    /// <returns>Null when no entity of the type was projected yet.</returns>
    public string? CollectionOf(string domain, string type) => projection.CollectionOf(domain, type);

    /// <summary>Works on the documents with LiteDB's own means: query, aggregate, add indexes.</summary>
    /// <typeparam name="T">What comes out.</typeparam>
    /// <param name="query">Runs on this thread while nothing else uses the projection. Must take its results out of
    /// LiteDB's
    /// cursors before it returns, and must not change documents: they are overwritten by the next change of the entity.
    /// Collections whose names begin with <c>_</c> are the store's own.</param>
    /// <remarks>Shows each entity as last projected, which is shortly behind what was committed: behind
    /// <see cref="Replica.FlushAsync"/> everything that was committed before it. <see cref="Replica.Query"/> shows that always.
    /// Instants are cut to milliseconds; names that LiteDB cannot hold are in the array <c>_other</c>. An index of one's own over
    /// a field fails when somebody writes a text above 1,021 bytes there, and the projection is built anew without it:
    /// <see cref="Replica.EnsureIndexAsync"/> makes one that holds.</remarks>
    public T Query<T>(Func<ILiteDatabase, T> query)
    {
        ArgumentNullException.ThrowIfNull(query);
        return projection.Query(query);
    }

    /// <inheritdoc/>
    /// <remarks>In <c>blobs/</c>, under the same key; looked at when it is first asked for.</remarks>
    /// <exception cref="StoreException"><see cref="StoreError.UnsupportedFormat"/>, <see cref="StoreError.ReadFailed"/>,
    /// <see cref="StoreError.Closed"/>.</exception>
    public IBlobStore Blobs
    {
        get
        {
            lock (gate)
            {
                if (isClosed) throw new StoreException(StoreError.Closed, "The replica was closed.");
                return blobs ??= openBlobs();
            }
        }
    }

    /// <summary>Waits for what is under way, and closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        FileBlobStore? opened;
        lock (gate) (opened, isClosed) = (blobs, true);
        try
        {
            if (opened is not null) await opened.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            await Task.Run(() =>
            {
                try
                {
                    projection.Dispose();
                }
                finally
                {
                    log.Dispose();
                }
            }).ConfigureAwait(false);
        }
    }

    internal ProjectionDatabase Projection => projection;

    internal static FileReplicaStore Create(
        string directory, ReplicaIdentity identity, LogOptions options, StoreKey? key = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentNullException.ThrowIfNull(identity);
        byte[] bytes = new byte[IdentityLengthBytes];
        identity.Space.WriteBytes(bytes);
        identity.Replica.WriteBytes(bytes.AsSpan(SpaceId.LengthBytes));
        bytes[^1] = (byte)identity.Role;
        return With(directory, options, ReplicaLog.Create(
            LogDirectory(directory), bytes, options, key is null ? null : () => KeyFile.Create(options.Disk, directory, key)));
    }

    internal static FileReplicaStore Open(string directory, LogOptions options, StoreKey? key = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options = options with { Cipher = OpenKey(directory, options.Disk, key) };
        try
        {
            return With(directory, options, ReplicaLog.Open(LogDirectory(directory), options));
        }
        catch
        {
            options.Cipher?.Dispose();
            throw;
        }
    }

    /// <summary>The key under which a replica is written, if it is encrypted; touches nothing.</summary>
    internal static AtRestCipher? OpenKey(string directory, IDisk disk, StoreKey? key)
    {
        try
        {
            CheckKey(directory, disk, key);
            return key is null ? null : KeyFile.Open(disk, directory, key);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw new StoreException(StoreError.ReadFailed, $"The key of '{directory}' could not be read: {e.Message}", e);
        }
    }

    private static void CheckKey(string directory, IDisk disk, StoreKey? key)
    {
        if (!ReplicaLog.Exists(LogDirectory(directory), disk))
            throw new StoreException(StoreError.NotFound, $"'{directory}' holds no replica.");
        bool isEncrypted = ReplicaLog.IsEncrypted(LogDirectory(directory), disk), hasFile = disk.Exists(KeyFile.PathIn(directory));
        if (key is null && (isEncrypted || hasFile))
            throw new StoreException(StoreError.KeyRequired, $"The replica in '{directory}' is encrypted: a key is needed.");
        if (key is not null && !isEncrypted && !hasFile)
            throw new StoreException(StoreError.NotEncrypted, $"The replica in '{directory}' is not encrypted, and a key was given.");
        if (key is not null && !hasFile)
        {
            throw new StoreException(StoreError.KeyDamaged,
                $"'{KeyFile.Name}' is missing in '{directory}'. Without it nothing can be read: bring it back from a backup.");
        }
    }

    private static FileReplicaStore With(string directory, LogOptions options, ReplicaLog log)
    {
        try
        {
            return new FileReplicaStore(
                log, new ProjectionFiles(options.Disk, ProjectionDirectory(directory)),
                () => FileBlobStore.Open(options.Disk, BlobDirectory(directory), log.Cipher));
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    internal static string LogDirectory(string directory) => Path.Combine(directory, "log");

    internal static string ProjectionDirectory(string directory) => Path.Combine(directory, "projection");

    internal static string BlobDirectory(string directory) => Path.Combine(directory, FileBlobStore.DirectoryName);

    internal static string LockPath(string directory) => Path.Combine(LogDirectory(directory), ReplicaLog.LockFileName);

    /// <summary>Whose log it is.</summary>
    internal static ReplicaIdentity IdentityOf(ReplicaLog log)
    {
        ReplicaIdentity created = DecodeIdentity(log.Identity.Span);
        return log.Writer is { IsEmpty: false } writer ? created with { Replica = writer } : created;
    }

    private static ReplicaIdentity DecodeIdentity(ReadOnlySpan<byte> bytes) => bytes.Length == IdentityLengthBytes
        ? new ReplicaIdentity(
            SpaceId.FromBytes(bytes[..SpaceId.LengthBytes]),
            ReplicaId.FromBytes(bytes.Slice(SpaceId.LengthBytes, ReplicaId.LengthBytes)),
            (ReplicaRole)bytes[^1])
        : throw new StoreException(
            StoreError.UnsupportedFormat, $"The log's identity has {bytes.Length} bytes, not {IdentityLengthBytes}.");
}
