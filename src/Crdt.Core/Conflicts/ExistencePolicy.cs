namespace Crdt;

/// <summary>Whether an entity is alive when it was deleted and written to concurrently (semantics 5). Every replica holds
/// both whatever the policy, so a policy can be changed later and nothing is lost.</summary>
public enum ExistencePolicy
{
    /// <summary>Alive while any write is held that no delete had seen. The default.</summary>
    UpdateWins,

    /// <summary>Deleted while any delete is held that no write had seen.</summary>
    DeleteWins,

    /// <summary>What the latest by (timestamp, replica, sequence) says.</summary>
    LastWriteWins,

    /// <summary>Provisionally as <see cref="UpdateWins"/>; a conflict until a person resolves it, by writing to the entity
    /// after having seen both, or by deleting it.</summary>
    Manual,
}
