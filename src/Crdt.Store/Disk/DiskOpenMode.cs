namespace Crdt.Store.Disk;

internal enum DiskOpenMode
{
    /// <summary>An existing file, to read.</summary>
    Read,

    /// <summary>An existing file, to read and write.</summary>
    ReadWrite,

    /// <summary>To read and write; created if missing.</summary>
    OpenOrCreate,

    /// <summary>A new, empty file, replacing any of that name.</summary>
    Create,
}
