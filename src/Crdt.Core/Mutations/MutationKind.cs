namespace Crdt;

/// <summary>What a mutation is: a person's intention, or from <see cref="Mark"/> on a server-role replica's annotation.</summary>
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

    /// <summary>Annotated siblings as passed over or refused, or added again what a refused change took away.</summary>
    Mark = 4,

    /// <summary>Dropped a deleted entity, once every replica knew of the delete.</summary>
    Purge = 5,

    /// <summary>Said where the log of a replica ends for good.</summary>
    Fence = 6,
}
