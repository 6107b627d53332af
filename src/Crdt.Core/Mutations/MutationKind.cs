namespace Crdt;

/// <summary>What a person meant by a mutation. Codes 4 to 6 are kept for the server role's mark, purge and fence.</summary>
public enum MutationKind
{
    /// <summary>Made an entity, or made it again after a delete.</summary>
    Create = 0,

    /// <summary>Changed fields of a live entity.</summary>
    Update = 1,

    /// <summary>Deleted an entity: hides its fields, replaces none of them.</summary>
    Delete = 2,

    /// <summary>Settled a conflict: replaced its siblings by one of them or by a new value.</summary>
    Resolve = 3,
}
