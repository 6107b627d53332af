namespace Crdt;

/// <summary>What a segment of a path names. The number on the wire is 4 × the kind + the replace rule, so that a
/// replica applies and forwards kinds it does not know (semantics 14). From 16 to 63 they are for a <see cref="DataType"/>
/// of one's own.</summary>
public enum PathKind
{
    /// <summary>A member of a map; as the last segment, a value register. A write replaces what its author observed.</summary>
    Key = 0,

    /// <summary>An element of an observed-remove set, whose name comes before it. An add replaces the element's
    /// observed siblings.</summary>
    Element = 1,

    /// <summary>A counter of that name. A write replaces its author's own earlier sibling.</summary>
    Counter = 2,
}
