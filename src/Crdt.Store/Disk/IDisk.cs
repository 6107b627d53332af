namespace Crdt.Store.Disk;

/// <summary>The few file operations that a store needs, as a port: tests put failing and crashing disks here.</summary>
internal interface IDisk
{
    void CreateDirectory(string path);

    bool Exists(string path);

    /// <summary>Names (without path) of the files in a directory, in ordinal order; none if there is no
    /// directory.</summary>
    IReadOnlyList<string> ListFiles(string directory);

    IDiskFile Open(string path, DiskOpenMode mode);

    /// <summary>Takes a lock on the file until disposed.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.InUse"/>: somebody else holds it.</exception>
    IDisposable Lock(string path);

    /// <summary>Renames a file within one directory, replacing a file of the new name.</summary>
    void Rename(string from, string to);

    void Delete(string path);

    /// <summary>Makes creations, renames and deletions in a directory durable.</summary>
    void SyncDirectory(string path);
}
