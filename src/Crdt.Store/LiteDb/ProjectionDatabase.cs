using System.Diagnostics;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Crdt.Store.AtRest;
using Crdt.Store.Disk;
using LiteDB;
using LiteDB.Engine;

namespace Crdt.Store.LiteDb;

/// <summary>The projection of a log: a LiteDB on check-summed pages, holding registers, documents, the contested keys
/// and, in the same transaction, how far in the log they are.</summary>
/// <remarks>
/// LiteDB is not safe for calls that overlap, whatever it says, so all of them go through one gate; an update lets
/// readers
/// in between its parts, who see what was before it. What LiteDB throws on intact pages, or intact LiteDB on damaged
/// ones,
/// is <see cref="StoreError.ProjectionDamaged"/>: the projection is rebuilt then.
/// </remarks>
internal sealed partial class ProjectionDatabase : IDisposable
{
    private const string Registers = "_registers";
    private const string Parts = "_parts";
    private const string Contested = "_contested";
    private const string NamingBlobs = "_blobs";
    private const string Zones = "_zones";
    private const string Meta = "_meta";
    private const string CheckpointId = "checkpoint";
    private const string IndexFileName = "indexes";

    // LiteDB's log is copied into its data file every 8 MB or so: a pause of about 25 ms.
    private const int DefaultCheckpointPages = 1000;

    // LiteDB takes 16 MB in a document.
    private const int PartLengthBytes = 1 << 20;

    // How many entities are encoded before they are written; readers are let in after each.
    private const int EntitiesAtOnce = 64;

    // Readers get in within this time, and do not hold up an update longer.
    private static readonly TimeSpan ReadersGo = TimeSpan.FromMicroseconds(200);

    // A scan takes its keys page by page: LiteDB keeps what an open cursor has passed.
    // Values are given beside expressions everywhere: LiteDB compiles each text that it has not seen, and keeps it for good.
    private const int KeysAtOnce = 512;
    private const int ZonesAtOnce = 256;

    private readonly object gate = new();
    private readonly Lock updating = new();
    private readonly IDisk disk;
    private readonly string dataPath;
    private readonly string logPath;
    private readonly string damagedPath;
    private readonly int checkpointPages;
    private readonly AtRestCipher? cipher;

    private PageStore? pages;
    private LiteDatabase? database;
    private TypeTable types = new();
    private KeyFilter filter = new();
    private HashSet<EntityKey> contestedKeys = [];
    private HashSet<EntityKey> namingKeys = [];
    private int waitingReaders;
    private StoreException? damage;
    private bool isPreparing;
    private bool isDisposed;

    private ProjectionDatabase(
        IDisk disk, string dataPath, string logPath, string damagedPath, int checkpointPages, AtRestCipher? cipher)
    {
        this.disk = disk;
        this.dataPath = dataPath;
        this.logPath = logPath;
        this.damagedPath = damagedPath;
        this.checkpointPages = checkpointPages;
        this.cipher = cipher;
        indexFile = new IndexFile(disk, Path.Combine(Path.GetDirectoryName(dataPath) ?? "", IndexFileName), cipher);
    }

    /// <summary>How far in the log the projection is.</summary>
    public ProjectionMark Mark { get; private set; } = ProjectionMark.None;

    /// <summary>Where the last zone of the log ends that is kept.</summary>
    public LogPosition ZonedTo { get; private set; }

    /// <summary>Opens the files, or begins new ones.</summary>
    /// <param name="disk">Where.</param>
    /// <param name="dataPath">LiteDB's data.</param>
    /// <param name="logPath">LiteDB's log.</param>
    /// <param name="damagedPath">A file that is made when damage is found, so that the next opening knows.</param>
    /// <param name="checkpointPages">How long LiteDB's log grows before it is copied into the data.</param>
    /// <param name="cipher">The key of the pages; null where nothing is encrypted.</param>
    /// <exception cref="StoreException"><see cref="StoreError.ProjectionDamaged"/>, <see
    /// cref="StoreError.ReadFailed"/>,
    /// <see cref="StoreError.DiskFull"/>, <see cref="StoreError.WriteFailed"/>.</exception>
    public static ProjectionDatabase Open(
        IDisk disk,
        string dataPath,
        string logPath,
        string damagedPath,
        int checkpointPages = DefaultCheckpointPages,
        AtRestCipher? cipher = null)
    {
        var projection = new ProjectionDatabase(disk, dataPath, logPath, damagedPath, checkpointPages, cipher);
        projection.OpenFiles();
        return projection;
    }

    /// <summary>Takes an update in one transaction, durably.</summary>
    /// <param name="update">The update.</param>
    /// <param name="logHash">What is remembered of the log before the update's position.</param>
    /// <remarks>Blocks, on one thread from beginning to end: LiteDB's transactions belong to threads.</remarks>
    public void Apply(ProjectionUpdate update, ulong logHash)
    {
        lock (updating)
        {
            var mark = new ProjectionMark(update.UpTo, update.Checkpoint.ToArray(), logHash);
            LogPosition zonedTo;
            try
            {
                zonedTo = ApplyCore(update, mark);
            }
            catch (Exception e) when (!isPreparing)
            {
                throw Abandon(e);
            }
            catch
            {
                // The caller's entity could not be encoded: nothing is wrong with the files, but the transaction is
                // over.
                isPreparing = false;
                CloseUnchanged();
                throw;
            }
            (Mark, ZonedTo) = (mark, zonedTo);
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        lock (updating)
        {
            lock (gate)
            {
                CloseUnchanged();
                try
                {
                    // LiteDB's log first: without it the data are an earlier projection, whole in itself.
                    foreach (string path in new[] { logPath, dataPath })
                    {
                        if (disk.Exists(path))
                            disk.Delete(path);
                        disk.SyncDirectory(Path.GetDirectoryName(dataPath)!);
                    }
                }
                catch (Exception e) when (StoreException.IsEnvironmental(e))
                {
                    throw StoreException.FromWrite("Forgetting the projection", e);
                }
                OpenFiles();
            }
        }
    }

    public ReadOnlyMemory<byte>? ReadState(EntityKey key)
    {
        // Most keys that are asked for and not there are about to be created, by a commit that waits for the answer.
        bool isAbsent = Volatile.Read(ref database) is not null
            && (types.Find(key) is not { } type || !filter.MayContain(HashOf(type, key)));
        return isAbsent ? null : Guarded(db => ReadState(db, key));
    }

    private ReadOnlyMemory<byte>? ReadState(LiteDatabase db, EntityKey key)
    {
        if (types.Find(key) is not { } type)
            return null;
        byte[] id = EntityKeyBytes.Encode(type.Number, key.Id);
        BsonDocument? document = db.GetCollection(Registers).FindById(id);
        if (document is null)
            return null;
        if (!document.TryGetValue("parts", out BsonValue? count))
            return document["state"].AsBinary;
        using var whole = new MemoryStream();
        for (int part = 0; part < count.AsInt32; part++)
            whole.Write(db.GetCollection(Parts).FindById(PartId(id, part))["bytes"].AsBinary);
        return whole.ToArray();
    }

    public IEnumerable<EntityKey> Keys(string? domain, string? type)
    {
        foreach (EntityType found in Guarded(_ => types.Find(domain, type)))
        {
            foreach (EntityKey key in KeysOf(Registers, found))
                yield return key;
        }
    }

    public IEnumerable<EntityKey> MarkedKeys(EntityMarks mark)
    {
        foreach (EntityType found in Guarded(_ => types.Find(null, null)))
        {
            foreach (EntityKey key in KeysOf(CollectionOf(mark), found))
                yield return key;
        }
    }

    public IEnumerable<LogZone> ReadZones(LogPosition from)
    {
        long next = from.Value;
        while (true)
        {
            LogZone[] page = Guarded(db => db.GetCollection(Zones).Query()
                .Where("_id > @0", next)
                .OrderBy("_id")
                .Limit(ZonesAtOnce)
                .ToEnumerable()
                .Select(zone => new LogZone(
                    new LogPosition(zone["from"].AsInt64), new LogPosition(zone["_id"].AsInt64), zone["bytes"].AsBinary))
                .ToArray());
            foreach (LogZone zone in page)
                yield return zone;
            if (page.Length < ZonesAtOnce)
                yield break;
            next = page[^1].To.Value;
        }
    }

    /// <summary>The collection that holds the documents of a type; null if none was projected.</summary>
    public string? CollectionOf(string domain, string type) =>
        Guarded(_ => types.Find(domain, type) is [var found] ? found.Collection : null);

    /// <summary>An entity's document as it is stored; null if there is none.</summary>
    public BsonDocument? FindDocument(EntityKey key) => Guarded(db =>
        types.Find(key) is { } type ? db.GetCollection(type.Collection).FindById(type.DocumentId(key)) : null);

    /// <summary>Lets a user's code work on the documents, while nothing else touches LiteDB.</summary>
    public T Query<T>(Func<ILiteDatabase, T> query)
    {
        lock (updating)
        {
            lock (gate)
            {
                // What a query's author does wrong is his: only the pages' own complaint is ours.
                try
                {
                    return query(Opened());
                }
                catch (StoreException e) when (e.Error == StoreError.ProjectionDamaged)
                {
                    throw Classify(e);
                }
            }
        }
    }

    /// <summary>Copies LiteDB's log into its data, and closes the files.</summary>
    public void Dispose()
    {
        lock (updating)
        {
            lock (gate)
            {
                isDisposed = true;
                CloseFiles();
            }
        }
    }

    private void OpenFiles()
    {
        try
        {
            pages = new PageStore(disk, dataPath, logPath, cipher);
            var engine = new LiteEngine(new EngineSettings
            {
                DataStream = pages.Data,
                LogStream = pages.Log,
                TempStream = new MemoryStream(),
                Collation = Collation.Binary,
            });
            database = new LiteDatabase(engine, disposeOnClose: true);
            if (database.CheckpointSize != checkpointPages)
                database.CheckpointSize = checkpointPages;
            if (!database.UtcDate)
                database.UtcDate = true;
            WaitForWriter(database);
            (Mark, ZonedTo) = ReadMark(database);
            types = TypeTable.Load(database);
            LoadIndexes(database);
            filter = KeyFilter.Load(database);
            contestedKeys = LoadMarked(EntityMarks.Contested);
            namingKeys = LoadMarked(EntityMarks.NamesBlobs);
        }
        catch (Exception e)
        {
            throw Abandon(e);
        }
    }

    private static (ProjectionMark Mark, LogPosition ZonedTo) ReadMark(LiteDatabase db)
    {
        BsonDocument? meta = db.GetCollection(Meta).FindById(CheckpointId);
        if (meta is null)
            return (ProjectionMark.None, default);
        int format = meta["format"].AsInt32;
        if (format > ProjectionMark.FormatVersion)
            throw StoreException.Unsupported("The projection", format, ProjectionMark.FormatVersion);
        if (format != ProjectionMark.FormatVersion)
        {
            throw new StoreException(
                StoreError.ProjectionDamaged, $"The projection's format, {format}, is an earlier one.", new NotSupportedException());
        }
        var mark = new ProjectionMark(
            new LogPosition(meta["position"].AsInt64), meta["bytes"].AsBinary, (ulong)meta["logHash"].AsInt64);
        // Projections from before there were zones have none.
        return (mark, new LogPosition(meta.TryGetValue("zonedTo", out BsonValue? zonedTo) ? zonedTo.AsInt64 : 0));
    }

    private LogPosition ApplyCore(ProjectionUpdate update, ProjectionMark mark)
    {
        IReadOnlyList<ProjectedEntity> entities = update.Entities;
        lock (gate)
            Opened().BeginTrans();
        // A projection that was begun anew lacks them.
        FieldIndexes complete = indexes.All.Count < wanted!.Count ? Build(wanted) : indexes;
        for (int from = 0; from < entities.Count; from += EntitiesAtOnce)
        {
            // Encoding and materialising are done before anybody has to wait.
            var rows = new List<EntityRow>(EntitiesAtOnce);
            isPreparing = true;
            for (int i = from; i < Math.Min(from + EntitiesAtOnce, entities.Count); i++)
                rows.Add(EntityRow.Of(entities[i], complete));
            isPreparing = false;
            foreach (EntityRow row in rows)
            {
                lock (gate)
                    Write(row, complete);
                LetReadersIn();
            }
        }
        LogPosition zonedTo = ZonedTo;
        isPreparing = true;
        foreach (LogZone zone in update.Zones)
        {
            isPreparing = false;
            lock (gate)
                Write(zone);
            LetReadersIn();
            zonedTo = zone.To;
            isPreparing = true;
        }
        isPreparing = false;
        lock (gate)
        {
            LiteDatabase db = Opened();
            db.GetCollection(Zones).DeleteMany("_id <= @0", update.ZonesFrom.Value);
            filter.Save(db);
            db.GetCollection(Meta).Upsert(new BsonDocument
            {
                ["_id"] = CheckpointId,
                ["format"] = ProjectionMark.FormatVersion,
                ["position"] = mark.Position.Value,
                ["bytes"] = mark.Checkpoint,
                ["logHash"] = (long)mark.LogHash,
                ["zonedTo"] = zonedTo.Value,
            });
            db.Commit();
            WaitForWriter(db);
            Volatile.Write(ref indexes, complete);
        }
        pages!.Flush();
        return zonedTo;
    }

    private void WaitForWriter(LiteDatabase db)
    {
        BsonDocument status = db.GetCollection("$database").FindAll().First();
        pages!.Log.WaitForLength(status["logFileSize"].AsInt64);
    }

    private void Write(EntityRow row, FieldIndexes complete)
    {
        LiteDatabase db = Opened();
        bool isNewType = types.Find(row.Key) is null;
        EntityType type = types.GetOrAdd(row.Key, db);
        if (isNewType)
        {
            foreach (FieldIndex index in complete.Of(row.Key.Domain, row.Key.Type))
                EnsureLiteIndex(db, type, index);
        }
        byte[] id = EntityKeyBytes.Encode(type.Number, row.Key.Id);
        if (row.State is null) DeleteState(db, id);
        else WriteState(db, id, row.State);

        ILiteCollection<BsonDocument> documents = db.GetCollection(type.Collection);
        if (row.Document is null)
        {
            documents.Delete(type.DocumentId(row.Key));
        }
        else
        {
            row.Document["_id"] = type.DocumentId(row.Key);
            documents.Upsert(row.Document);
        }

        Mark(row, EntityMarks.Contested, contestedKeys);
        Mark(row, EntityMarks.NamesBlobs, namingKeys);
        filter.Add(HashOf(type, row.Key));

        void Mark(in EntityRow row, EntityMarks mark, HashSet<EntityKey> marked)
        {
            if (row.Marks.HasFlag(mark) && marked.Add(row.Key))
                db.GetCollection(CollectionOf(mark)).Insert(new BsonDocument { ["_id"] = id });
            else if (!row.Marks.HasFlag(mark) && marked.Remove(row.Key))
                db.GetCollection(CollectionOf(mark)).Delete(id);
        }
    }

    private HashSet<EntityKey> LoadMarked(EntityMarks mark) =>
        [.. types.Find(null, null).SelectMany(type => KeysOf(CollectionOf(mark), type))];

    private static string CollectionOf(EntityMarks mark) => mark == EntityMarks.Contested ? Contested : NamingBlobs;

    private void Write(LogZone zone) => Opened().GetCollection(Zones).Upsert(new BsonDocument
    {
        ["_id"] = zone.To.Value,
        ["from"] = zone.From.Value,
        ["bytes"] = zone.Content.ToArray(),
    });

    private static ulong HashOf(EntityType type, EntityKey key) =>
        XxHash3.HashToUInt64(MemoryMarshal.AsBytes(key.Id.AsSpan()), type.Number);

    // A released lock goes to whoever comes first, and that would be this thread again.
    private void LetReadersIn()
    {
        if (Volatile.Read(ref waitingReaders) == 0)
            return;
        long since = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref waitingReaders) > 0 && Stopwatch.GetElapsedTime(since) < ReadersGo)
            Thread.Yield();
    }

    private static void WriteState(LiteDatabase db, byte[] id, byte[] state)
    {
        ILiteCollection<BsonDocument> registers = db.GetCollection(Registers);
        if (state.Length <= PartLengthBytes)
        {
            registers.Upsert(new BsonDocument { ["_id"] = id, ["state"] = state });
            return;
        }

        // Parts left over from a larger state before are passed over by the count.
        int count = 0;
        for (int at = 0; at < state.Length; at += PartLengthBytes, count++)
        {
            byte[] part = state[at..Math.Min(at + PartLengthBytes, state.Length)];
            db.GetCollection(Parts).Upsert(new BsonDocument { ["_id"] = PartId(id, count), ["bytes"] = part });
        }
        registers.Upsert(new BsonDocument { ["_id"] = id, ["parts"] = count });
    }

    private static void DeleteState(LiteDatabase db, byte[] id)
    {
        ILiteCollection<BsonDocument> registers = db.GetCollection(Registers);
        // Parts may be left over from a larger state before: up to the first that is missing.
        for (int part = 0; db.GetCollection(Parts).Delete(PartId(id, part)); part++)
        {
            // Until none is there.
        }
        registers.Delete(id);
    }

    // Of fixed length behind the id, so that no two entities' parts share a key.
    private static byte[] PartId(byte[] id, int part) => [.. id, (byte)(part >> 16), (byte)(part >> 8), (byte)part];

    private IEnumerable<EntityKey> KeysOf(string collection, EntityType type)
    {
        byte[] low = EntityKeyBytes.LeastOf(type.Number);
        byte[] high = EntityKeyBytes.LeastOf(type.Number + 1);
        while (true)
        {
            byte[][] page = Guarded(db => db.GetCollection(collection).Query()
                .Where("_id BETWEEN @0 AND @1", low, high)
                .OrderBy("_id")
                .Select("_id")
                .Limit(KeysAtOnce)
                .ToEnumerable()
                .Select(document => document["_id"].AsBinary)
                .ToArray());
            foreach (byte[] id in page)
                yield return new EntityKey(type.Domain, type.Type, EntityKeyBytes.DecodeId(id));
            if (page.Length < KeysAtOnce)
                yield break;
            low = [.. page[^1], 0];
        }
    }

    private T Guarded<T>(Func<LiteDatabase, T> read)
    {
        Interlocked.Increment(ref waitingReaders);
        lock (gate)
        {
            Interlocked.Decrement(ref waitingReaders);
            LiteDatabase db = Opened();
            try
            {
                return read(db);
            }
            catch (Exception e)
            {
                throw Classify(e);
            }
        }
    }

    private LiteDatabase Opened()
    {
        if (damage is not null)
            throw new StoreException(StoreError.ProjectionDamaged, damage.Message, damage);
        if (isDisposed)
            throw new StoreException(StoreError.Closed, "The store was closed.");
        if (database is null)
            OpenFiles();
        return database!;
    }

    // After a failure LiteDB's memory may hold what its files do not: what is on the disk decides.
    private StoreException Abandon(Exception cause)
    {
        lock (gate)
        {
            StoreException failure = pages?.Log.Failure is { } write
                ? StoreException.FromWrite("Writing the projection", write)
                : Classify(cause);
            CloseUnchanged();
            return failure;
        }
    }

    private void CloseUnchanged()
    {
        lock (gate)
        {
            pages?.Abandon();
            CloseFiles();
        }
    }

    private StoreException Classify(Exception cause)
    {
        StoreException classified = cause switch
        {
            StoreException known => known,
            _ when StoreException.IsEnvironmental(cause) => StoreException.FromWrite("Using the projection", cause),
            _ => new StoreException(StoreError.ProjectionDamaged, $"The projection is damaged: {cause.Message}", cause),
        };
        if (classified.Error == StoreError.ProjectionDamaged && damage is null)
        {
            damage = classified;
            LeaveWord();
        }
        return classified;
    }

    private void LeaveWord()
    {
        try
        {
            disk.Open(damagedPath, DiskOpenMode.Create).Dispose();
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            // Then whoever comes to the same page will find the damage again.
        }
    }

    private void CloseFiles()
    {
        try
        {
            database?.Dispose();
        }
        catch (Exception) when (pages?.IsAbandoned != false || damage is not null)
        {
            // LiteDB wants to copy its log into its data when it is closed, which was forbidden to it.
        }
        finally
        {
            database = null;
            pages?.Dispose();
            pages = null;
        }
    }
}
