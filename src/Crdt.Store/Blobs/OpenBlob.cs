using Crdt.Store.Disk;

namespace Crdt.Store.Blobs;

/// <summary>A blob's open file, lent to those who read or write.</summary>
internal sealed class OpenBlob(FilePool pool, BlobFormat format, IDiskFile file) : IDisposable
{
    public BlobFormat Format => format;

    public IDiskFile File => file;

    /// <summary>How many have it.</summary>
    public int Users { get; set; }

    /// <summary>Whether it is to be closed when the last gives it back.</summary>
    public bool IsDropped { get; set; }

    /// <summary>Gives it back.</summary>
    public void Dispose() => pool.Return(this);
}
