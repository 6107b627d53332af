namespace Crdt.Testing;

/// <summary>A store in memory whose appends wait at a gate, or fail.</summary>
public sealed class GatedStore(MemoryReplicaStore inner) : IReplicaStore
{
    private TaskCompletionSource? gate;

    /// <summary>What every append raises; <see langword="null"/> to let them through.</summary>
    public Exception? Problem { get; set; }

    /// <summary>How many appends have begun.</summary>
    public int Appends { get; private set; }

    /// <summary>How many entries of the log were read.</summary>
    public long EntriesRead { get; private set; }

    /// <inheritdoc/>
    public ReplicaIdentity Identity => inner.Identity;

    /// <inheritdoc/>
    public bool IsProjecting => false;

    /// <inheritdoc/>
    public LogPosition ProjectedTo => inner.ProjectedTo;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Checkpoint => inner.Checkpoint;

    /// <inheritdoc/>
    public LogPosition LogEnd => inner.LogEnd;

    /// <inheritdoc/>
    public LogPosition LogStart => inner.LogStart;

    /// <summary>From now on appends wait.</summary>
    public void Close() => gate = new TaskCompletionSource();

    /// <summary>Lets all appends through, those that wait and those to come.</summary>
    public void Release()
    {
        TaskCompletionSource? waiting = gate;
        gate = null;
        waiting?.TrySetResult();
    }

    /// <inheritdoc/>
    public async ValueTask<LogPosition> AppendAsync(
        ReadOnlyMemory<LogEntry> entries, bool isDurable, CancellationToken cancellationToken)
    {
        Appends++;
        if (gate is { } closed) await closed.Task;
        if (Problem is not null) throw Problem;
        return await inner.AppendAsync(entries, isDurable, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask SyncAsync(CancellationToken cancellationToken) =>
        Problem is null ? inner.SyncAsync(cancellationToken) : ValueTask.FromException(Problem);

    /// <inheritdoc/>
    public IEnumerable<LoggedEntry> ReadLog(LogPosition from)
    {
        foreach (LoggedEntry logged in inner.ReadLog(from))
        {
            EntriesRead++;
            yield return logged;
        }
    }

    /// <inheritdoc/>
    public LogPosition FindStart(VersionVector covered) => inner.FindStart(covered);

    /// <inheritdoc/>
    public LogPosition FindStart(ReplicaId author, long sequence) => inner.FindStart(author, sequence);

    /// <inheritdoc/>
    public ValueTask PruneAsync(LogPosition floor, CancellationToken cancellationToken) =>
        inner.PruneAsync(floor, cancellationToken);

    /// <inheritdoc/>
    public ValueTask ProjectAsync(ProjectionUpdate update, CancellationToken cancellationToken) =>
        inner.ProjectAsync(update, cancellationToken);

    /// <inheritdoc/>
    public ValueTask ResetProjectionAsync(CancellationToken cancellationToken) =>
        inner.ResetProjectionAsync(cancellationToken);

    /// <inheritdoc/>
    public ReadOnlyMemory<byte>? ReadState(EntityKey key) => inner.ReadState(key);

    /// <inheritdoc/>
    public IEnumerable<EntityKey> Keys(string? domain = null, string? type = null) => inner.Keys(domain, type);

    /// <inheritdoc/>
    public IEnumerable<EntityKey> MarkedKeys(EntityMarks mark) => inner.MarkedKeys(mark);

    /// <inheritdoc/>
    public LogPosition ZonedTo => inner.ZonedTo;

    /// <inheritdoc/>
    public IEnumerable<LogZone> ReadZones(LogPosition from) => inner.ReadZones(from);

    /// <inheritdoc/>
    public IReadOnlyList<EntityIndex> Indexes => inner.Indexes;

    /// <inheritdoc/>
    public ValueTask EnsureIndexAsync(EntityIndex index, CancellationToken cancellationToken) =>
        inner.EnsureIndexAsync(index, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> DropIndexAsync(EntityIndex index, CancellationToken cancellationToken) =>
        inner.DropIndexAsync(index, cancellationToken);

    /// <inheritdoc/>
    public IndexSearch? Find(string domain, string type, EntityFilter filter) => inner.Find(domain, type, filter);

    /// <inheritdoc/>
    public IndexSearch? FindSorted(EntityIndex index, bool isDescending, EntityFilter? filter) =>
        inner.FindSorted(index, isDescending, filter);

    /// <inheritdoc/>
    public IBlobStore Blobs => inner.Blobs;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
