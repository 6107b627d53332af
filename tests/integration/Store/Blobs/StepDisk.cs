using Crdt.Store.Disk;

namespace Crdt.Integration.Store.Blobs;

/// <summary>Another disk that tells before each of its changes, and may fail them.</summary>
internal sealed class StepDisk(SimulatedDisk below) : IDisk
{
    /// <summary>Called before each change, with what it is; what it throws, the change does.</summary>
    public Action<string>? Changing { get; set; }

    public SimulatedDisk Below => below;

    public void CreateDirectory(string path) => below.CreateDirectory(path);

    public bool Exists(string path) => below.Exists(path);

    public IReadOnlyList<string> ListFiles(string directory) => below.ListFiles(directory);

    public IDiskFile Open(string path, DiskOpenMode mode)
    {
        if (mode is DiskOpenMode.Create or DiskOpenMode.OpenOrCreate) Changing?.Invoke("create");
        return new File(this, below.Open(path, mode));
    }

    public IDisposable Lock(string path) => below.Lock(path);

    public void Rename(string from, string to)
    {
        Changing?.Invoke("rename");
        below.Rename(from, to);
    }

    public void Delete(string path)
    {
        Changing?.Invoke("delete");
        below.Delete(path);
    }

    public void SyncDirectory(string path)
    {
        Changing?.Invoke("sync");
        below.SyncDirectory(path);
    }

    private sealed class File(StepDisk disk, IDiskFile below) : IDiskFile
    {
        public long Length => below.Length;

        public int Read(Span<byte> buffer, long offset) => below.Read(buffer, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            disk.Changing?.Invoke("write");
            below.Write(bytes, offset);
        }

        public void SetLength(long length)
        {
            disk.Changing?.Invoke("length");
            below.SetLength(length);
        }

        public void Flush()
        {
            disk.Changing?.Invoke("flush");
            below.Flush();
        }

        public void Dispose() => below.Dispose();
    }
}
