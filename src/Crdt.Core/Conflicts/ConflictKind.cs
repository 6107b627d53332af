namespace Crdt;

/// <summary>What disagrees in a <see cref="Conflict"/>.</summary>
public enum ConflictKind
{
    /// <summary>Concurrent values of one register.</summary>
    Values,

    /// <summary>One name used concurrently as different kinds: value, map, set, counter.</summary>
    Kinds,

    /// <summary>The entity was deleted and written to concurrently, under <see cref="ExistencePolicy.Manual"/>. Siblings
    /// are true (written to) and false (deleted); so is the value that resolves it.</summary>
    Existence,
}
