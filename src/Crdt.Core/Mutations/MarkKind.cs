namespace Crdt;

/// <summary>What a mark says of a sibling.</summary>
public enum MarkKind
{
    /// <summary>A server passed it over for another value, by <see cref="ConflictPolicy.ServerWins"/> or
    /// <see cref="ConflictPolicy.ClientWins"/>.</summary>
    Lost = 1,

    /// <summary>A server refused it: reads take what it had replaced in its place.</summary>
    Refused = 2,

    /// <summary>What a refused change took away stands here again, with its original times.</summary>
    Restored = 3,

    /// <summary>It stands, upon something that was refused: what that had replaced, should another server refuse this one.</summary>
    Carried = 4,
}
