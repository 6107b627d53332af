namespace Crdt;

/// <summary>A store that keeps the log in memory: for tests, the simulator, and spaces that need not outlive their
/// process. It keeps no projection; a new replica engine on the same store reads the whole log.</summary>
/// <remarks>Every call completes at once, on the caller's thread.</remarks>
public sealed class MemoryReplicaStore(ReplicaIdentity identity) : IReplicaStore
{
    // How many entries lie between two remembered vectors: a search reads at most that many in vain.
    private const int VectorInterval = 1_024;

    // Entries lie in blocks that never move: a log that grows copies nothing, and who reads goes on in what it saw.
    private const int BlockLength = 512;

    private readonly Lock gate = new();
    private readonly List<(int Index, VersionVector Before)> vectors = [(0, VersionVector.Empty)];
    private readonly Dictionary<ReplicaId, long> reached = [];
    private readonly SortedSet<EntityIndex> indexes = new(EntityIndex.Order);
    private ReplicaIdentity identity = identity;
    private LogEntry[][] blocks = [];

    // Positions count from the log's beginning; of what was dropped only the rest of a block takes a place.
    private int firstInBlocks, dropped, count;

    /// <inheritdoc/>
    public ReplicaIdentity Identity => Volatile.Read(ref identity);

    /// <inheritdoc/>
    public bool IsProjecting => false;

    /// <inheritdoc/>
    public LogPosition ProjectedTo => default;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Checkpoint => default;

    /// <inheritdoc/>
    public LogPosition LogEnd
    {
        get
        {
            lock (gate) return new LogPosition(count);
        }
    }

    /// <inheritdoc/>
    public LogPosition LogStart
    {
        get
        {
            lock (gate) return new LogPosition(dropped);
        }
    }

    /// <inheritdoc/>
    public ValueTask<LogPosition> AppendAsync(
        ReadOnlyMemory<LogEntry> entries, bool isDurable, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            foreach (LogEntry entry in entries.Span)
            {
                if (count - firstInBlocks == blocks.Length * BlockLength) blocks = [.. blocks, new LogEntry[BlockLength]];
                At(blocks, count++ - firstInBlocks) = entry;
                Include(reached, entry);
                if (entry.Kind == LogEntryKind.Identity)
                    Volatile.Write(ref identity, identity with { Replica = entry.Author });
                if (count % VectorInterval == 0) vectors.Add((count, VectorOf(reached)));
            }
            return ValueTask.FromResult(new LogPosition(count));
        }
    }

    /// <inheritdoc/>
    public ValueTask SyncAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public IEnumerable<LoggedEntry> ReadLog(LogPosition from)
    {
        LogEntry[][] seen;
        int first, start, end;
        lock (gate) (seen, first, start, end) = (blocks, firstInBlocks, dropped, count);
        for (int i = Math.Max((int)from.Value, start); i < end; i++)
            yield return new LoggedEntry(At(seen, i - first), new LogPosition(i + 1));
    }

    /// <inheritdoc/>
    public LogPosition FindStart(VersionVector covered)
    {
        ArgumentNullException.ThrowIfNull(covered);
        return FindStart(covered.Covers);
    }

    /// <inheritdoc/>
    public LogPosition FindStart(ReplicaId author, long sequence)
    {
        lock (gate)
        {
            if (reached.GetValueOrDefault(author) < sequence) return new LogPosition(count);
        }
        return FindStart(before => before[author] < sequence);
    }

    /// <inheritdoc/>
    public ValueTask PruneAsync(LogPosition floor, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(floor.Value, count, nameof(floor));
            int to = (int)floor.Value;
            if (to <= dropped) return ValueTask.CompletedTask;
            int at = vectors.FindLastIndex(v => v.Index <= to);
            var before = vectors[at].Before.ToDictionary(d => d.Replica, d => d.Sequence);
            for (int i = vectors[at].Index; i < to; i++) Include(before, At(blocks, i - firstInBlocks));
            vectors.RemoveRange(0, at + 1);
            vectors.Insert(0, (to, VectorOf(before)));
            blocks = blocks[((to - firstInBlocks) / BlockLength)..];
            (firstInBlocks, dropped) = (to - (to % BlockLength), to);
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask ProjectAsync(ProjectionUpdate update, CancellationToken cancellationToken) =>
        throw NoProjection();

    /// <inheritdoc/>
    public ValueTask ResetProjectionAsync(CancellationToken cancellationToken) => throw NoProjection();

    /// <inheritdoc/>
    public ReadOnlyMemory<byte>? ReadState(EntityKey key) => throw NoProjection();

    /// <inheritdoc/>
    public IEnumerable<EntityKey> Keys(string? domain = null, string? type = null) => throw NoProjection();

    /// <inheritdoc/>
    public IEnumerable<EntityKey> MarkedKeys(EntityMarks mark) => throw NoProjection();

    /// <inheritdoc/>
    public LogPosition ZonedTo => throw NoProjection();

    /// <inheritdoc/>
    public IEnumerable<LogZone> ReadZones(LogPosition from) => throw NoProjection();

    /// <inheritdoc/>
    public IReadOnlyList<EntityIndex> Indexes
    {
        get
        {
            lock (gate) return [.. indexes];
        }
    }

    /// <inheritdoc/>
    public ValueTask EnsureIndexAsync(EntityIndex index, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(index);
        lock (gate) indexes.Add(index);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<bool> DropIndexAsync(EntityIndex index, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(index);
        lock (gate) return ValueTask.FromResult(indexes.Remove(index));
    }

    /// <inheritdoc/>
    public IndexSearch? Find(string domain, string type, EntityFilter filter) => throw NoProjection();

    /// <inheritdoc/>
    public IndexSearch? FindSorted(EntityIndex index, bool isDescending, EntityFilter? filter) => throw NoProjection();

    /// <inheritdoc/>
    public IBlobStore Blobs { get; init; } = new MemoryBlobStore();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static ref LogEntry At(LogEntry[][] blocks, int index) => ref blocks[index / BlockLength][index % BlockLength];

    private static void Include(Dictionary<ReplicaId, long> vector, in LogEntry entry)
    {
        if (entry.Kind == LogEntryKind.Batch)
        {
            vector[entry.Author] = entry.LastSequence;
            return;
        }
        foreach (Dot dot in entry.Reaches())
        {
            if (dot.Sequence > vector.GetValueOrDefault(dot.Replica)) vector[dot.Replica] = dot.Sequence;
        }
    }

    private static VersionVector VectorOf(Dictionary<ReplicaId, long> reached) =>
        VersionVector.From(reached.Select(r => new Dot(r.Key, r.Value)));

    private static InvalidOperationException NoProjection() =>
        new("This store keeps no projection: IsProjecting says so.");

    /// <summary>The last remembered place whose vector still passes; vectors only grow, so it is found by halving.</summary>
    private LogPosition FindStart(Func<VersionVector, bool> passes)
    {
        lock (gate)
        {
            int low = 0, high = vectors.Count - 1;
            while (low < high)
            {
                int middle = (low + high + 1) >>> 1;
                if (passes(vectors[middle].Before)) low = middle;
                else high = middle - 1;
            }
            return new LogPosition(vectors[low].Index);
        }
    }
}
