namespace Crdt.Testing;

/// <summary>A store in memory that keeps a projection, too; appends wait at a gate, or fail.</summary>
public sealed class ProjectingStore(MemoryReplicaStore log, GatedStore gate) : IReplicaStore
{
    private readonly SortedDictionary<EntityKey, (byte[] State, EntityMarks Marks)> states = [];
    private readonly Dictionary<EntityKey, Entity> living = [];
    private readonly List<LogZone> zones = [];

    /// <summary>An empty store of a replica.</summary>
    public ProjectingStore(ReplicaIdentity identity)
        : this(new MemoryReplicaStore(identity))
    {
    }

    private ProjectingStore(MemoryReplicaStore log)
        : this(log, new GatedStore(log))
    {
    }

    /// <summary>Where appends wait, or fail.</summary>
    public GatedStore Gate => gate;

    /// <inheritdoc/>
    public ReplicaIdentity Identity => log.Identity;

    /// <inheritdoc/>
    public bool IsProjecting => true;

    /// <inheritdoc/>
    public LogPosition ProjectedTo { get; private set; }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Checkpoint { get; private set; }

    /// <inheritdoc/>
    public LogPosition LogEnd => log.LogEnd;

    /// <inheritdoc/>
    public LogPosition LogStart => log.LogStart;

    /// <summary>How many updates came.</summary>
    public int Updates { get; private set; }

    /// <summary>What every update raises; <see langword="null"/> to let them through.</summary>
    public Exception? ProjectionProblem { get; set; }

    /// <inheritdoc/>
    public ValueTask<LogPosition> AppendAsync(
        ReadOnlyMemory<LogEntry> entries, bool isDurable, CancellationToken cancellationToken) =>
        gate.AppendAsync(entries, isDurable, cancellationToken);

    /// <inheritdoc/>
    public ValueTask SyncAsync(CancellationToken cancellationToken) => gate.SyncAsync(cancellationToken);

    /// <inheritdoc/>
    public IEnumerable<LoggedEntry> ReadLog(LogPosition from) => log.ReadLog(from);

    /// <inheritdoc/>
    public LogPosition FindStart(VersionVector covered) => log.FindStart(covered);

    /// <inheritdoc/>
    public LogPosition FindStart(ReplicaId author, long sequence) => log.FindStart(author, sequence);

    /// <inheritdoc/>
    public ValueTask PruneAsync(LogPosition floor, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(floor, ProjectedTo);
        return log.PruneAsync(floor, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask ProjectAsync(ProjectionUpdate update, CancellationToken cancellationToken)
    {
        Updates++;
        if (ProjectionProblem is not null) throw ProjectionProblem;
        foreach (ProjectedEntity entity in update.Entities)
        {
            if (entity.IsGone) states.Remove(entity.Key);
            else states[entity.Key] = (entity.State.Value.ToArray(), entity.Marks);
            if (entity.Entity.Exists) living[entity.Key] = entity.Entity;
            else living.Remove(entity.Key);
        }
        zones.AddRange(update.Zones);
        zones.RemoveAll(z => z.To <= update.ZonesFrom);
        (ProjectedTo, Checkpoint) = (update.UpTo, update.Checkpoint.ToArray());
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask ResetProjectionAsync(CancellationToken cancellationToken)
    {
        states.Clear();
        living.Clear();
        zones.Clear();
        (ProjectedTo, Checkpoint) = (default, default);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte>? ReadState(EntityKey key) =>
        states.TryGetValue(key, out var held) ? held.State : (ReadOnlyMemory<byte>?)null;

    /// <inheritdoc/>
    public IEnumerable<EntityKey> Keys(string? domain = null, string? type = null) =>
        states.Keys.Where(k => (domain ?? k.Domain) == k.Domain && (type ?? k.Type) == k.Type).ToList();

    /// <inheritdoc/>
    public IEnumerable<EntityKey> MarkedKeys(EntityMarks mark) => states.Where(s => s.Value.Marks.HasFlag(mark)).Select(s => s.Key).ToList();

    /// <inheritdoc/>
    public LogPosition ZonedTo => zones.Count == 0 ? default : zones[^1].To;

    /// <inheritdoc/>
    public IEnumerable<LogZone> ReadZones(LogPosition from) => zones.Where(z => z.To > from).ToList();

    /// <inheritdoc/>
    public IReadOnlyList<EntityIndex> Indexes => log.Indexes;

    /// <inheritdoc/>
    public ValueTask EnsureIndexAsync(EntityIndex index, CancellationToken cancellationToken) =>
        log.EnsureIndexAsync(index, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> DropIndexAsync(EntityIndex index, CancellationToken cancellationToken) =>
        log.DropIndexAsync(index, cancellationToken);

    /// <inheritdoc/>
    /// <remarks>What fulfils the filter in the projection, one by one: as an index would, if some is about one of its
    /// fields.</remarks>
    public IndexSearch? Find(string domain, string type, EntityFilter filter)
    {
        EntityIndex[] indexes = [.. Indexes.Where(i => i.Domain == domain && i.Type == type)];
        return indexes.Length == 0 ? null : new IndexSearch(indexes, Found(domain, type, filter.Holds));
    }

    /// <inheritdoc/>
    public IndexSearch? FindSorted(EntityIndex index, bool isDescending, EntityFilter? filter)
    {
        ArgumentNullException.ThrowIfNull(index);
        if (!Indexes.Contains(index)) return null;
        return new IndexSearch([index], Sorted());

        IEnumerable<IReadOnlyList<EntityKey>> Sorted()
        {
            // As it is when it is read: page by page, each behind the last of the page before.
            (Value Value, EntityKey Key)? last = null;
            while (true)
            {
                IEnumerable<(Value Value, EntityKey Key)> all = living.Values
                    .Where(e => e.Key.Domain == index.Domain && e.Key.Type == index.Type)
                    .Select(e => (FieldComparison.Read(e, index.Field), e.Key));
                if (last is { } before) all = all.Where(e => Compare(e, before) > 0);
                (Value Value, EntityKey Key)[] page = [.. all.Order(Comparer<(Value, EntityKey)>.Create(Compare)).Take(3)];
                foreach ((Value _, EntityKey key) in page) yield return [key];
                if (page.Length < 3) yield break;
                last = page[^1];
            }
        }

        int Compare((Value Value, EntityKey Key) left, (Value Value, EntityKey Key) right)
        {
            int order = ValueOrder.Sort(left.Value, right.Value);
            if (order == 0) order = left.Key.CompareTo(right.Key);
            return isDescending ? -order : order;
        }
    }

    private IEnumerable<IReadOnlyList<EntityKey>> Found(string domain, string type, Func<Entity, bool> holds)
    {
        yield return [.. living.Values.Where(e => e.Key.Domain == domain && e.Key.Type == type && holds(e)).Select(e => e.Key)];
    }

    /// <inheritdoc/>
    public IBlobStore Blobs => log.Blobs;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
