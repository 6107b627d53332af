namespace Crdt;

/// <summary>The state after one commit, held on to: whatever is committed meanwhile, everything read through it
/// belongs together. Dispose it soon: while it is open, replaced states stay in memory.</summary>
/// <remarks>Safe for concurrent use until disposed. Law: 12.</remarks>
public sealed class ReplicaView : IDisposable
{
    private readonly ReplicaWriter writer;
    private readonly Moment moment;
    private int isDisposed;

    internal ReplicaView(ReplicaWriter writer)
    {
        this.writer = writer;
        moment = writer.Cache.OpenView();
    }

    /// <summary>The entity; <see langword="null"/> when it is not alive.</summary>
    public Entity? Get(EntityKey key) => GetWithDeleted(key) is { Exists: true } entity ? entity : null;

    /// <summary>The entity, also a deleted one; <see langword="null"/> when it never was.</summary>
    public Entity? GetWithDeleted(EntityKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref isDisposed) != 0, this);
        return writer.Cache.Read(key, moment.Epoch) is { } state ? writer.ToEntity(state, moment) : null;
    }

    /// <summary>The living entities of a type, in order of their ids: to be narrowed, sorted and counted.</summary>
    public EntityQuery Query(string domain, string type) => new(this, domain, type);

    /// <summary>The commit it holds on to.</summary>
    internal long Epoch => moment.Epoch;

    internal ReplicaWriter Writer
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref isDisposed) != 0, this);
            return writer;
        }
    }

    /// <summary>The entity, without keeping it in memory; <see langword="null"/> when it is not alive.</summary>
    internal Entity? Peek(EntityKey key) =>
        writer.Cache.Peek(key, moment.Epoch) is { Slots.IsEmpty: false } state && writer.ToEntity(state, moment) is { Exists: true } entity
            ? entity : null;

    /// <summary>The entity's siblings; <see langword="null"/> when it never was.</summary>
    internal EntityState? Read(EntityKey key) => writer.Cache.Read(key, moment.Epoch);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) == 0) writer.Cache.CloseView(moment.Epoch);
    }
}
