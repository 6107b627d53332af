namespace Crdt.Properties;

/// <summary>A store in memory that keeps a projection, too; appends wait at a gate, or fail.</summary>
internal sealed class ProjectingStore(MemoryReplicaStore log, GatedStore gate) : IReplicaStore
{
    private readonly SortedDictionary<EntityKey, (byte[] State, bool IsContested)> states = [];

    public ProjectingStore(ReplicaIdentity identity)
        : this(new MemoryReplicaStore(identity))
    {
    }

    private ProjectingStore(MemoryReplicaStore log)
        : this(log, new GatedStore(log))
    {
    }

    public GatedStore Gate => gate;

    public ReplicaIdentity Identity => log.Identity;

    public bool IsProjecting => true;

    public LogPosition ProjectedTo { get; private set; }

    public ReadOnlyMemory<byte> Checkpoint { get; private set; }

    public LogPosition LogEnd => log.LogEnd;

    /// <summary>How many updates came.</summary>
    public int Updates { get; private set; }

    public ValueTask<LogPosition> AppendAsync(
        ReadOnlyMemory<LogEntry> entries, bool isDurable, CancellationToken cancellationToken) =>
        gate.AppendAsync(entries, isDurable, cancellationToken);

    public IEnumerable<LoggedEntry> ReadLog(LogPosition from) => log.ReadLog(from);

    public LogPosition FindStart(VersionVector covered) => log.FindStart(covered);

    public LogPosition FindStart(ReplicaId author, long sequence) => log.FindStart(author, sequence);

    public ValueTask ProjectAsync(ProjectionUpdate update, CancellationToken cancellationToken)
    {
        Updates++;
        foreach (ProjectedEntity entity in update.Entities)
            states[entity.Key] = (entity.State.Value.ToArray(), entity.IsContested);
        (ProjectedTo, Checkpoint) = (update.UpTo, update.Checkpoint.ToArray());
        return ValueTask.CompletedTask;
    }

    public ReadOnlyMemory<byte>? ReadState(EntityKey key) =>
        states.TryGetValue(key, out var held) ? held.State : (ReadOnlyMemory<byte>?)null;

    public IEnumerable<EntityKey> Keys(string? domain = null, string? type = null) =>
        states.Keys.Where(k => (domain ?? k.Domain) == k.Domain && (type ?? k.Type) == k.Type).ToList();

    public IEnumerable<EntityKey> ContestedKeys() => states.Where(s => s.Value.IsContested).Select(s => s.Key).ToList();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
