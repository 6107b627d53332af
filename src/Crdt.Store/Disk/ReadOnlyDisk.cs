namespace Crdt.Store.Disk;

/// <summary>Another disk that is only looked at: changes fail, and a deletion that is left for later does not matter.</summary>
internal sealed class ReadOnlyDisk(IDisk below) : IDisk
{
    public void CreateDirectory(string path) => throw OnlyLooking();

    public bool Exists(string path) => below.Exists(path);

    public IReadOnlyList<string> ListFiles(string directory) => below.ListFiles(directory);

    public IDiskFile Open(string path, DiskOpenMode mode) =>
        mode is DiskOpenMode.Read or DiskOpenMode.ReadWrite ? new File(below.Open(path, DiskOpenMode.Read)) : throw OnlyLooking();

    public IDisposable Lock(string path) => throw OnlyLooking();

    public void Rename(string from, string to) => throw OnlyLooking();

    public void Delete(string path)
    {
    }

    public void SyncDirectory(string path) => throw OnlyLooking();

    private static IOException OnlyLooking() => new("The disk is only looked at.");

    private sealed class File(IDiskFile below) : IDiskFile
    {
        public long Length => below.Length;

        public int Read(Span<byte> buffer, long offset) => below.Read(buffer, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset) => throw OnlyLooking();

        public void SetLength(long length) => throw OnlyLooking();

        public void Flush() => throw OnlyLooking();

        public void Dispose() => below.Dispose();
    }
}
