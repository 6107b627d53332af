namespace Crdt;

/// <summary>What a replica wants to know of entities without reading each: a store lists the keys by mark.</summary>
[Flags]
public enum EntityMarks
{
    /// <summary>Nothing in particular.</summary>
    None = 0,

    /// <summary>Some register may hold concurrent values.</summary>
    Contested = 1,

    /// <summary>Some value names a blob.</summary>
    NamesBlobs = 2,
}
