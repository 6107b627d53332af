namespace Crdt;

/// <summary>What a name is read as; where replicas used it concurrently as different kinds, the side that is read.</summary>
internal enum NameSide
{
    /// <summary>Nothing is held there.</summary>
    None,

    /// <summary>One value.</summary>
    Value,

    /// <summary>A map of members.</summary>
    Map,

    /// <summary>A set of elements.</summary>
    Set,

    /// <summary>A counter.</summary>
    Counter,

    /// <summary>A register of a data type of one's own.</summary>
    Own,
}
