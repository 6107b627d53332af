using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Crdt.Store.Disk;

/// <summary>The operating system's files.</summary>
internal sealed partial class RealDisk : IDisk
{
    public static readonly RealDisk Instance = new();

    // What says that somebody else holds a file: EWOULDBLOCK on Linux and macOS, two Win32 codes as HRESULT.
    private static readonly int[] LockedCodes = [11, 35, unchecked((int)0x80070020), unchecked((int)0x80070021)];

    public void CreateDirectory(string path) => Directory.CreateDirectory(path);

    public bool Exists(string path) => File.Exists(path);

    public IReadOnlyList<string> ListFiles(string directory)
    {
        if (!Directory.Exists(directory))
            return [];
        string[] names = [.. Directory.EnumerateFiles(directory).Select(path => Path.GetFileName(path))];
        Array.Sort(names, StringComparer.Ordinal);
        return names;
    }

    public IDiskFile Open(string path, DiskOpenMode mode)
    {
        FileMode fileMode = mode switch
        {
            DiskOpenMode.Create => FileMode.Create,
            DiskOpenMode.OpenOrCreate => FileMode.OpenOrCreate,
            _ => FileMode.Open,
        };
        FileAccess access = mode == DiskOpenMode.Read ? FileAccess.Read : FileAccess.ReadWrite;
        return new RealFile(File.OpenHandle(path, fileMode, access, FileShare.ReadWrite | FileShare.Delete));
    }

    public IDisposable Lock(string path)
    {
        try
        {
            // FileShare.None is an exclusive lock, on Unix flock(2): it ends with the process, however it ends.
            return File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (Array.IndexOf(LockedCodes, e.HResult) >= 0)
        {
            throw new StoreException(
                StoreError.InUse,
                $"The replica in '{Path.GetDirectoryName(path)}' is open already, here or in another process.",
                e);
        }
    }

    /// <summary>Takes a lock that is there, without writing: for whoever only looks.</summary>
    /// <param name="path">The lock's file.</param>
    /// <param name="isFree">False: somebody else holds it.</param>
    /// <returns>Null when it is not free, or there is none to take.</returns>
    public static IDisposable? TryHold(string path, out bool isFree)
    {
        isFree = true;
        try
        {
            return File.Exists(path) ? File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.None) : null;
        }
        catch (IOException e) when (Array.IndexOf(LockedCodes, e.HResult) >= 0)
        {
            isFree = false;
            return null;
        }
    }

    public void Rename(string from, string to) => File.Move(from, to, overwrite: true);

    public void Delete(string path) => File.Delete(path);

    public void SyncDirectory(string path)
    {
        // Windows journals directory entries itself and gives no way to flush them.
        if (OperatingSystem.IsWindows())
            return;

        int descriptor = open(path, 0);
        if (descriptor < 0)
            throw Failure(path);
        try
        {
            if (fsync(descriptor) != 0)
                throw Failure(path);
        }
        finally
        {
            _ = close(descriptor);
        }
    }

    private static IOException Failure(string path)
    {
        int errno = Marshal.GetLastPInvokeError();
        return new IOException($"Directory '{path}': {new Win32Exception(errno).Message}", errno);
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int fsync(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int close(int descriptor);

    private sealed class RealFile(SafeFileHandle handle) : IDiskFile
    {
        public long Length => RandomAccess.GetLength(handle);

        public int Read(Span<byte> buffer, long offset)
        {
            int total = 0;
            while (total < buffer.Length)
            {
                int count = RandomAccess.Read(handle, buffer[total..], offset + total);
                if (count == 0)
                    break;
                total += count;
            }
            return total;
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(handle, bytes, offset);

        public void SetLength(long length) => RandomAccess.SetLength(handle, length);

        public void Flush() => RandomAccess.FlushToDisk(handle);

        public void Dispose() => handle.Dispose();
    }
}
