namespace Crdt.Testing.Simulation;

/// <summary>A replica's store on a simulated disk: a log and a projection, each with what would survive a crash and what
/// would not. Every call completes at once, on the caller's thread.</summary>
/// <remarks>Keeps to the contract of <see cref="IReplicaStore"/> and to nothing beyond it: an append is there as a whole or
/// not at all, appends that nobody asked to be durable may be lost from the end, and an append that was not acknowledged
/// may be found there none the less.</remarks>
internal sealed class SimulatedStore : IReplicaStore
{
    // How many entries lie between two remembered vectors: a search reads at most that many in vain.
    private const int VectorInterval = 1_024;

    private readonly SpaceHistory history;
    private readonly ReplicaIdentity created;
    private readonly List<LogRecord> log = [];
    private readonly List<int> volatileAppends = [];
    private readonly List<(int Index, VersionVector Before)> vectors = [(0, VersionVector.Empty)];
    private readonly Dictionary<EntityKey, ReadOnlyMemory<byte>> states = [];
    private readonly Dictionary<EntityKey, EntityMarks> marked = [];
    private readonly List<LogZone> zones = [];
    private readonly SortedSet<EntityIndex> indexes = new(EntityIndex.Order);
    private readonly Dictionary<(string Domain, string Type), SortedSet<EntityKey>> keys = [];
    private readonly PlantedBug bug;
    private readonly bool hasZones;
    private int durable;
    private long[] reached = [];

    public SimulatedStore(
        ReplicaIdentity identity, SpaceHistory history, bool isProjecting, PlantedBug bug, bool hasZones = true)
    {
        (created, Identity, IsProjecting, this.history, this.bug) = (identity, identity, isProjecting, history, bug);
        (this.hasZones, Blobs) = (hasZones, new SimulatedBlobStore(this, bug));
        history.IndexOf(identity.Replica);
    }

    public ReplicaIdentity Identity { get; private set; }

    /// <summary>The id under which it was created: its node's key goes by that.</summary>
    public ReplicaId FirstId => created.Replica;

    /// <summary>What is in the log of a kind, in its order.</summary>
    public IEnumerable<LogRecord> Records(LogEntryKind kind) => log.Where(r => r.Kind == kind);

    public bool IsProjecting { get; }

    public LogPosition ProjectedTo { get; private set; }

    public ReadOnlyMemory<byte> Checkpoint { get; private set; }

    public LogPosition LogEnd => new(log.Count);

    public LogPosition LogStart { get; private set; }

    /// <summary>Set when the process died in a write: nothing works any more until <see cref="Restart"/>.</summary>
    public bool HasCrashed { get; private set; }

    /// <summary>Whether writes fail.</summary>
    public bool IsFull { get; set; }

    /// <summary>How many writes there were.</summary>
    public long Writes { get; private set; }

    /// <summary>The batches and snapshots that were appended, in order; whoever looks at them takes them out.</summary>
    public List<LogRecord> News { get; } = [];

    /// <summary>The write that the process dies in, counted from the next, 1; 0 for none.</summary>
    public int CrashAtWrite { get; set; }

    /// <summary>Whether that write is found there again.</summary>
    public bool KeepsCrashWrite { get; set; }

    public ValueTask<LogPosition> AppendAsync(
        ReadOnlyMemory<LogEntry> entries, bool isDurable, CancellationToken cancellationToken)
    {
        bool dies = BeginWrite();
        if (!dies || KeepsCrashWrite)
        {
            int start = log.Count;
            foreach (LogEntry entry in entries.Span) Add(entry);
            if (dies) durable = log.Count; // Nobody was told, and yet it is there.
            else if (!isDurable) volatileAppends.Add(start);
            else if (bug != PlantedBug.StoreForgets) MakeDurable();
            else volatileAppends.Add(start);
        }
        return dies ? throw Die() : ValueTask.FromResult(LogEnd);
    }

    public ValueTask SyncAsync(CancellationToken cancellationToken)
    {
        if (HasCrashed) throw Die();
        if (bug != PlantedBug.StoreForgets) MakeDurable();
        return ValueTask.CompletedTask;
    }

    public IEnumerable<LoggedEntry> ReadLog(LogPosition from)
    {
        int end = log.Count;
        for (int i = (int)Math.Max(from.Value, LogStart.Value); i < end; i++) yield return new LoggedEntry(log[i].ToEntry(), new LogPosition(i + 1));
    }

    public LogPosition FindStart(VersionVector covered)
    {
        ArgumentNullException.ThrowIfNull(covered);
        return FindStart(covered.Covers);
    }

    public LogPosition FindStart(ReplicaId author, long sequence)
    {
        int index = history.IndexOf(author);
        if (index >= reached.Length || reached[index] < sequence) return LogEnd;
        return FindStart(before => before[author] < sequence);
    }

    /// <remarks>What is dropped is not read again; it is kept for those who look at the whole history.</remarks>
    public ValueTask PruneAsync(LogPosition floor, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(floor, IsProjecting ? ProjectedTo : LogEnd);
        bool dies = BeginWrite();
        if ((!dies || KeepsCrashWrite) && floor > LogStart)
        {
            MakeDurable();
            LogStart = floor;
        }
        return dies ? throw Die() : ValueTask.CompletedTask;
    }

    public ValueTask ProjectAsync(ProjectionUpdate update, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(update);
        bool dies = BeginWrite();
        if (!dies || KeepsCrashWrite)
        {
            // A projection must not hold what the log might lose.
            MakeDurable();
            foreach (ProjectedEntity entity in update.Entities) Project(entity);
            if (hasZones) zones.AddRange(update.Zones);
            zones.RemoveAll(z => z.To <= update.ZonesFrom);
            (ProjectedTo, Checkpoint) = (update.UpTo, update.Checkpoint.ToArray());
        }
        return dies ? throw Die() : ValueTask.CompletedTask;
    }

    public ValueTask ResetProjectionAsync(CancellationToken cancellationToken)
    {
        bool dies = BeginWrite();
        if (!dies || KeepsCrashWrite)
        {
            states.Clear();
            marked.Clear();
            keys.Clear();
            zones.Clear();
            (ProjectedTo, Checkpoint) = (default, default);
        }
        return dies ? throw Die() : ValueTask.CompletedTask;
    }

    public ReadOnlyMemory<byte>? ReadState(EntityKey key) =>
        states.TryGetValue(key, out ReadOnlyMemory<byte> state) ? state : (ReadOnlyMemory<byte>?)null;

    public IEnumerable<EntityKey> Keys(string? domain = null, string? type = null)
    {
        if (domain is not null && type is not null) return keys.GetValueOrDefault((domain, type)) ?? [];
        return keys.Where(t => (domain ?? t.Key.Domain) == t.Key.Domain && (type ?? t.Key.Type) == t.Key.Type)
            .SelectMany(t => t.Value).Order().ToList();
    }

    public IEnumerable<EntityKey> MarkedKeys(EntityMarks mark) => marked.Where(m => m.Value.HasFlag(mark)).Select(m => m.Key).Order().ToList();

    public LogPosition ZonedTo => zones.Count == 0 ? default : zones[^1].To;

    public IEnumerable<LogZone> ReadZones(LogPosition from) => zones.Where(z => z.To > from).ToList();

    public IReadOnlyList<EntityIndex> Indexes => [.. indexes];

    public ValueTask EnsureIndexAsync(EntityIndex index, CancellationToken cancellationToken)
    {
        indexes.Add(index);
        return ValueTask.CompletedTask;
    }

    public ValueTask<bool> DropIndexAsync(EntityIndex index, CancellationToken cancellationToken) =>
        ValueTask.FromResult(indexes.Remove(index));

    public IndexSearch? Find(string domain, string type, EntityFilter filter) => null;

    public IndexSearch? FindSorted(EntityIndex index, bool isDescending, EntityFilter? filter) => null;

    public SimulatedBlobStore Blobs { get; }

    IBlobStore IReplicaStore.Blobs => Blobs;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>A copy of the files, without the projection.</summary>
    public SimulatedStore Copy()
    {
        var copy = new SimulatedStore(created, history, IsProjecting, bug, hasZones);
        foreach (LogRecord record in log)
        {
            copy.log.Add(record);
            copy.Note(record);
        }
        copy.MakeDurable();
        copy.Blobs.CopyFrom(Blobs);
        return copy;
    }

    /// <summary>What a crash leaves: all that was made durable, and the first few of the appends behind it.</summary>
    /// <param name="keptNotes">How many of those.</param>
    public void Restart(int keptNotes)
    {
        int end = volatileAppends.Count == 0 ? log.Count
            : keptNotes < volatileAppends.Count ? Math.Max(durable, volatileAppends[keptNotes]) : log.Count;
        if (bug == PlantedBug.StoreForgets && volatileAppends.Count > 0) end = volatileAppends[^1];
        Truncate(end);
        if (bug == PlantedBug.StoreSkips) Skip();
        Blobs.Restart(keptNotes);
        (HasCrashed, IsFull, CrashAtWrite) = (false, false, 0);
        News.Clear();
        MakeDurable();
    }

    /// <summary>A run of the log, the first that begins at or behind a place; <see langword="null"/> when none does.</summary>
    /// <param name="from">Index of an entry.</param>
    /// <param name="next">Index behind the run.</param>
    public BatchRun? RunAt(int from, out int next)
    {
        var batches = new List<LogRecord>();
        // In the middle of a run the search goes on behind its head.
        bool isAtStart = from == 0;
        for (next = from; next < log.Count;)
        {
            LogRecord record = log[next++];
            if (record.Kind == LogEntryKind.Batch && isAtStart) batches.Add(record);
            if (record.Kind != LogEntryKind.Head) continue;
            if (batches.Count > 0)
            {
                return new BatchRun(history[record.Author].Id, batches[0].First,
                    [.. batches.Select(b => (ReadOnlyMemory<byte>)b.Payload)], record.Last, record.Payload);
            }
            isAtStart = true;
        }
        return null;
    }

    /// <summary>Writes to the disk beside the log: wholly, or not at all.</summary>
    public void Write(Action write)
    {
        bool dies = BeginWrite();
        if (!dies || KeepsCrashWrite) write();
        if (dies) throw Die();
    }

    private bool BeginWrite()
    {
        if (HasCrashed) throw new StoreFailure("The process is dead.");
        Writes++;
        if (IsFull) throw new StoreFailure("There is no room left on the simulated disk.");
        return CrashAtWrite > 0 && --CrashAtWrite == 0;
    }

    private StoreFailure Die()
    {
        HasCrashed = true;
        return new StoreFailure("The process died in this write.");
    }

    private void MakeDurable()
    {
        durable = log.Count;
        volatileAppends.Clear();
    }

    private void Add(in LogEntry entry)
    {
        LogRecord record = entry.Kind is LogEntryKind.Batch or LogEntryKind.Head
            ? history.Intern(entry, entry.Author == Identity.Replica)
            : new LogRecord(entry.Kind, history.IndexOf(entry.Author), entry.Author, entry.FirstSequence, entry.LastSequence,
                entry.Kind == LogEntryKind.Note ? entry.Payload.ToArray() : history.Share(entry.Payload.Span));
        log.Add(record);
        if (record.Kind is LogEntryKind.Batch or LogEntryKind.Snapshot) News.Add(record);
        Note(record);
    }

    private void Note(LogRecord record)
    {
        if (record.Kind == LogEntryKind.Identity) Identity = Identity with { Replica = history[record.Author].Id };
        Reach(record);
        if (log.Count % VectorInterval == 0)
            vectors.Add((log.Count, VersionVector.From(reached.Select((r, i) => new Dot(history[i].Id, r)))));
    }

    private void Reach(LogRecord record)
    {
        if (record.Kind == LogEntryKind.Batch)
        {
            Reach(record.Author, record.Last);
            return;
        }
        if (record.Kind != LogEntryKind.Snapshot) return;
        foreach (Dot dot in record.ToEntry().Reaches()) Reach(history.IndexOf(dot.Replica), dot.Sequence);
    }

    private void Reach(int author, long sequence)
    {
        if (author >= reached.Length) Array.Resize(ref reached, history.AuthorCount);
        reached[author] = Math.Max(reached[author], sequence);
    }

    private void Project(ProjectedEntity entity)
    {
        EntityKey key = entity.Key;
        if (entity.IsGone)
        {
            states.Remove(key);
            marked.Remove(key);
            if (keys.TryGetValue((key.Domain, key.Type), out SortedSet<EntityKey>? left)) left.Remove(key);
            return;
        }
        if (!states.ContainsKey(key))
        {
            if (!keys.TryGetValue((key.Domain, key.Type), out SortedSet<EntityKey>? ofType))
                keys[(key.Domain, key.Type)] = ofType = [];
            ofType.Add(key);
        }
        states[key] = entity.State.Value;
        if (entity.Marks == EntityMarks.None) marked.Remove(key);
        else marked[key] = entity.Marks;
    }

    private void Truncate(int end)
    {
        if (end == log.Count) return;
        log.RemoveRange(end, log.Count - end);
        LogRecord? identity = log.FindLast(r => r.Kind == LogEntryKind.Identity);
        Identity = identity is null ? created : created with { Replica = history[identity.Author].Id };
        vectors.RemoveAll(v => v.Index > end);
        Array.Clear(reached);
        // Only notes are lost behind what is durable, unless a bug was planted.
        foreach (Dot dot in vectors[^1].Before) reached[history.IndexOf(dot.Replica)] = dot.Sequence;
        for (int i = vectors[^1].Index; i < end; i++) Reach(log[i]);
    }

    private void Skip()
    {
        int from = (int)ProjectedTo.Value;
        int at = log.FindIndex(from, r => r.Kind == LogEntryKind.Batch && history[r.Author].Id != Identity.Replica);
        if (at >= 0) log.RemoveAt(at);
    }

    /// <summary>The last remembered place whose vector still passes; vectors only grow, so it is found by halving.</summary>
    private LogPosition FindStart(Func<VersionVector, bool> passes)
    {
        int low = 0, high = vectors.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) >>> 1;
            if (passes(vectors[middle].Before)) low = middle;
            else high = middle - 1;
        }
        return new LogPosition(Math.Max(vectors[low].Index, LogStart.Value));
    }
}
