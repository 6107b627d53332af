namespace Crdt;

/// <summary>Those who wait for a replica's commits: they stay when its writer is replaced.</summary>
internal sealed class ReplicaSignals
{
    /// <summary>Set after every commit.</summary>
    public Pulse Committed { get; } = new();

    /// <summary>Told after every commit which entities changed.</summary>
    public event Action<IReadOnlyList<EntityKey>>? Changed;

    /// <summary>Whether anybody wants to be told.</summary>
    public bool HasObservers => Changed is not null;

    /// <summary>Told after a commit which entities it left or found naming blobs, if any.</summary>
    public event Action<IReadOnlyList<EntityKey>>? Attached;

    public void TellAttached(IReadOnlyList<EntityKey> changed) => Attached?.Invoke(changed);

    public void Tell(IReadOnlyList<EntityKey> changed) => Changed?.Invoke(changed);
}
