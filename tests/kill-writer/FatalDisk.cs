using System.Diagnostics;
using Crdt.Store.Disk;

namespace Crdt.KillWriter;

/// <summary>The operating system's files, up to an operation in which this process is killed: with SIGKILL, by itself.</summary>
internal sealed class FatalDisk(IDisk below) : IDisk
{
    private readonly Lock gate = new();
    private DeadlyMoment? moment;
    private int passed, counted;

    /// <summary>When to die.</summary>
    public void Arm(DeadlyMoment deadly)
    {
        lock (gate) (moment, passed, counted) = (deadly, 0, 0);
    }

    public void CreateDirectory(string path) => below.CreateDirectory(path);

    public bool Exists(string path) => below.Exists(path);

    public IReadOnlyList<string> ListFiles(string directory) => below.ListFiles(directory);

    public IDiskFile Open(string path, DiskOpenMode mode)
    {
        if (mode is not (DiskOpenMode.Create or DiskOpenMode.OpenOrCreate)) return new File(this, path, below.Open(path, mode));
        IDiskFile? file = null;
        Pass("create", path, () => file = below.Open(path, mode));
        return new File(this, path, file!);
    }

    public IDisposable Lock(string path) => below.Lock(path);

    public void Rename(string from, string to) => Pass("rename", to, () => below.Rename(from, to));

    public void Delete(string path) => Pass("delete", path, () => below.Delete(path));

    public void SyncDirectory(string path) => Pass("sync", path + "/", () => below.SyncDirectory(path));

    private void Pass(string operation, string path, Action act, Action? half = null)
    {
        bool isDeadly = IsDeadly(operation, path);
        if (isDeadly && moment!.How == "half") half?.Invoke();
        if (!isDeadly || moment!.How == "after") act();
        if (!isDeadly) return;
        using var self = Process.GetCurrentProcess();
        self.Kill();
        Thread.Sleep(Timeout.Infinite); // until it is done
    }

    private bool IsDeadly(string operation, string path)
    {
        lock (gate)
        {
            if (moment is null) return false;
            if (passed < moment.AfterCount)
            {
                if (Is(moment.After, operation, path)) passed++;
                return false;
            }
            return Is(moment.Operation, operation, path) && ++counted == moment.Count;
        }
    }

    private static bool Is(string wanted, string operation, string path)
    {
        string[] parts = wanted.Split('@');
        return parts[0] == operation && path.Contains($"{Path.DirectorySeparatorChar}{parts[1]}{Path.DirectorySeparatorChar}", StringComparison.Ordinal);
    }

    private sealed class File(FatalDisk disk, string path, IDiskFile below) : IDiskFile
    {
        public long Length => below.Length;

        public int Read(Span<byte> buffer, long offset)
        {
            // Chunks only: what else is read is read whenever something is looked up.
            if (buffer.Length >= BlobTree.ChunkLengthBytes) disk.Pass("read", path, static () => { });
            return below.Read(buffer, offset);
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            byte[] all = bytes.ToArray();
            disk.Pass(all.Length >= BlobTree.ChunkLengthBytes ? "chunk" : "write", path,
                () => below.Write(all, offset), () => below.Write(all.AsSpan(0, all.Length / 2), offset));
        }

        public void SetLength(long length) => below.SetLength(length);

        public void Flush() => disk.Pass("flush", path, below.Flush);

        public void Dispose() => below.Dispose();
    }
}
