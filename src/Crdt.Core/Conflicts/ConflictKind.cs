namespace Crdt;

/// <summary>What disagrees in a <see cref="Conflict"/>.</summary>
public enum ConflictKind
{
    /// <summary>Concurrent values of one register.</summary>
    Values,

    /// <summary>One name used concurrently as different kinds: value, map, set, counter.</summary>
    Kinds,
}
