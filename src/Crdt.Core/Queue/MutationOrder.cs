namespace Crdt;

/// <summary>In which order mutations are listed. Both go by when the replica applied them, which contains causality.</summary>
public enum MutationOrder
{
    /// <summary>What was applied first comes first.</summary>
    OldestFirst,

    /// <summary>What was applied last comes first.</summary>
    NewestFirst,
}
