using Crdt.Store.Disk;

namespace Crdt.Store.Blobs;

/// <summary>Opens files of blobs when they are needed, and keeps a bounded number open.</summary>
internal sealed class FilePool(IDisk disk, int filesMax) : IDisposable
{
    private readonly Lock gate = new();

    // The one that was used last comes last.
    private readonly LinkedList<StoredBlob> open = [];
    private bool isClosed;

    /// <summary>How many files are open.</summary>
    public int Count
    {
        get
        {
            lock (gate) return open.Count;
        }
    }

    public OpenBlob Rent(StoredBlob blob)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isClosed, this);
            if (blob.Open is null)
            {
                blob.Open = new OpenBlob(this, blob.Format, disk.Open(blob.Path, DiskOpenMode.ReadWrite));
                open.AddLast(blob);
                CloseOldest();
            }
            else if (open.Last!.Value != blob)
            {
                open.Remove(blob);
                open.AddLast(blob);
            }
            blob.Open.Users++;
            return blob.Open;
        }
    }

    public void Return(OpenBlob file)
    {
        lock (gate)
        {
            if (--file.Users == 0 && file.IsDropped) file.File.Dispose();
        }
    }

    /// <summary>Opens the file anew when it is needed next: it is another one now, or none.</summary>
    public void Replace(StoredBlob blob, BlobFormat format)
    {
        lock (gate)
        {
            blob.Format = format;
            Drop(blob);
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            isClosed = true;
            while (open.First is { } first) Drop(first.Value);
        }
    }

    private void CloseOldest()
    {
        for (LinkedListNode<StoredBlob>? node = open.First; node is not null && open.Count > filesMax;)
        {
            LinkedListNode<StoredBlob>? next = node.Next;
            if (node.Value.Open!.Users == 0 && next is not null) Drop(node.Value);
            node = next;
        }
    }

    private void Drop(StoredBlob blob)
    {
        if (blob.Open is not { } file) return;
        blob.Open = null;
        open.Remove(blob);
        file.IsDropped = true;
        if (file.Users == 0) file.File.Dispose();
    }
}
