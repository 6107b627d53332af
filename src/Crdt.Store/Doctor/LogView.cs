using Crdt.Store.LiteDb;
using Crdt.Store.Log;

namespace Crdt.Store.Doctor;

/// <summary>A stored log up to a position, to be looked at by an engine: with the projection that belongs there, or without.
/// Takes no changes.</summary>
internal sealed class LogView(ReplicaLog log, ReplicaIdentity identity, long end, ProjectionDatabase? projection) : IReplicaStore
{
    public ReplicaIdentity Identity => identity;

    public bool IsProjecting => projection is not null;

    public LogPosition ProjectedTo => projection?.Mark.Position ?? default;

    public ReadOnlyMemory<byte> Checkpoint => projection?.Mark.Checkpoint ?? default(ReadOnlyMemory<byte>);

    public LogPosition LogEnd => new(end);

    public LogPosition LogStart => new(log.Start);

    public ValueTask<LogPosition> AppendAsync(
        ReadOnlyMemory<LogEntry> entries, bool isDurable, CancellationToken cancellationToken) => throw OnlyLooking();

    public ValueTask SyncAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public IEnumerable<LoggedEntry> ReadLog(LogPosition from) => log.Read(from.Value, end);

    public LogPosition FindStart(VersionVector covered) => new(Math.Min(log.FindStart(covered), end));

    public LogPosition FindStart(ReplicaId author, long sequence) => new(Math.Min(log.FindStart(author, sequence), end));

    public ValueTask PruneAsync(LogPosition floor, CancellationToken cancellationToken) => throw OnlyLooking();

    public ValueTask ProjectAsync(ProjectionUpdate update, CancellationToken cancellationToken) => throw OnlyLooking();

    public ValueTask ResetProjectionAsync(CancellationToken cancellationToken) => throw OnlyLooking();

    public ReadOnlyMemory<byte>? ReadState(EntityKey key) => projection!.ReadState(key);

    public IEnumerable<EntityKey> Keys(string? domain = null, string? type = null) => projection!.Keys(domain, type);

    public IEnumerable<EntityKey> MarkedKeys(EntityMarks mark) => projection!.MarkedKeys(mark);

    public LogPosition ZonedTo => projection!.ZonedTo;

    public IEnumerable<LogZone> ReadZones(LogPosition from) => projection!.ReadZones(from);

    public IReadOnlyList<EntityIndex> Indexes => [];

    public ValueTask EnsureIndexAsync(EntityIndex index, CancellationToken cancellationToken) => throw OnlyLooking();

    public ValueTask<bool> DropIndexAsync(EntityIndex index, CancellationToken cancellationToken) => throw OnlyLooking();

    public IndexSearch? Find(string domain, string type, EntityFilter filter) => null;

    public IndexSearch? FindSorted(EntityIndex index, bool isDescending, EntityFilter? filter) => null;

    public IBlobStore Blobs { get; } = new MemoryBlobStore();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static InvalidOperationException OnlyLooking() => new("The replica is only looked at.");
}
