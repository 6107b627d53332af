using Crdt.Store.AtRest;
using Crdt.Store.Disk;
using Crdt.Store.Log;
using Microsoft.Win32.SafeHandles;

namespace Crdt.Store;

/// <summary>Copies a replica while it is in use.</summary>
/// <remarks>The log alone is the truth, and only grows: a copy of its segments, each up to where it ends at that moment, is the replica as it was
/// after some transaction, with all that was durable when the copy began. The projection is not copied: it is built from the log when the copy is
/// opened. A copy that is opened is a second replica of the same id: opened with a release record (<see cref="FileReleaseRecord"/>) that is not the
/// original's newest, it takes a new one.</remarks>
public static class StoreBackup
{
    private const string LogName = "log", ProjectionName = "projection", IndexesName = "indexes", DraftSuffix = ".partial";

    // Segments are dropped from the beginning while they are copied: then it is begun again. More often than that nobody prunes.
    private const int AttemptsMax = 10;

    private const int BufferLengthBytes = 1 << 20;

    /// <summary>Copies the log, what the replica is encrypted under, which indexes there are, the attachments, and other files that are
    /// named.</summary>
    /// <param name="directory">The replica's; whoever has it open need not know.</param>
    /// <param name="target">Where the copy shall be; there must be nothing. It is there when it is whole and durable, and not before.</param>
    /// <param name="others">Files and directories beside these, relative to <paramref name="directory"/>; those that are missing are left out.
    /// They keep who may read them.</param>
    /// <param name="cancellationToken">Gives up, and leaves nothing.</param>
    /// <exception cref="StoreException"><see cref="StoreError.NotFound"/>, <see cref="StoreError.AlreadyExists"/>,
    /// <see cref="StoreError.DiskFull"/>, <see cref="StoreError.WriteFailed"/>.</exception>
    public static async Task<StoreBackupReport> CopyAsync(
        string directory, string target, IReadOnlyList<string>? others = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentException.ThrowIfNullOrEmpty(target);
        string from = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)), to = Path.TrimEndingDirectorySeparator(Path.GetFullPath(target));
        if (!FileReplicaStore.Exists(from)) throw new StoreException(StoreError.NotFound, $"'{directory}' holds no replica.");
        if (File.Exists(to) || (Directory.Exists(to) && Directory.EnumerateFileSystemEntries(to).Any()))
            throw new StoreException(StoreError.AlreadyExists, $"'{target}' is there already: a backup goes where there is nothing.");
        string draft = to + DraftSuffix;
        try
        {
            Discard(draft);
            Directory.CreateDirectory(Path.Combine(draft, LogName));
            (int segments, long lengthBytes) = await CopyLogAsync(Path.Combine(from, LogName), Path.Combine(draft, LogName), cancellationToken).ConfigureAwait(false);
            foreach (string other in (string[])[KeyFile.Name, Path.Combine(ProjectionName, IndexesName), .. others ?? []])
                await CopyOtherAsync(Path.Combine(from, other), Path.Combine(draft, other), cancellationToken).ConfigureAwait(false);
            // After the log: what that names was there before.
            (int blobs, long blobLengthBytes) = await CopyBlobsAsync(
                FileReplicaStore.BlobDirectory(from), FileReplicaStore.BlobDirectory(draft), cancellationToken).ConfigureAwait(false);
            RealDisk.Instance.SyncDirectory(draft);
            if (Directory.Exists(to)) Directory.Delete(to);
            Directory.Move(draft, to);
            RealDisk.Instance.SyncDirectory(Path.GetDirectoryName(to)!);
            return new StoreBackupReport(to, segments, lengthBytes) { Blobs = blobs, BlobLengthBytes = blobLengthBytes };
        }
        catch (Exception e)
        {
            Discard(draft);
            if (StoreException.IsEnvironmental(e)) throw StoreException.FromWrite($"The backup to '{target}'", e);
            throw;
        }
    }

    private static async Task<(int Segments, long LengthBytes)> CopyLogAsync(string from, string to, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            long copied = 0;
            string? at = null;
            try
            {
                string[] segments = [.. Directory.EnumerateFiles(from).Select(static f => Path.GetFileName(f))
                    .Where(static f => SegmentName.TryParse(f, out _)).Order(StringComparer.Ordinal)];
                foreach (string segment in segments)
                {
                    at = segment;
                    copied += await CopyFileAsync(Path.Combine(from, segment), Path.Combine(to, segment), cancellation).ConfigureAwait(false);
                }
                RealDisk.Instance.SyncDirectory(to);
                return (segments.Length, copied);
            }
            catch (FileNotFoundException) when (at is not null && attempt < AttemptsMax)
            {
                foreach (string file in Directory.EnumerateFiles(to)) File.Delete(file);
            }
        }
    }

    private static async Task<(int Blobs, long LengthBytes)> CopyBlobsAsync(string from, string to, CancellationToken cancellation)
    {
        if (!Directory.Exists(from)) return (0, 0);
        (int blobs, long copied) = (0, 0);
        MakeDirectoryLike(from, to);
        foreach (string file in Directory.EnumerateFiles(from, "*" + FileBlobStore.Suffix).Order(StringComparer.Ordinal).ToList())
        {
            try
            {
                copied += await CopyBackwardsAsync(file, Path.Combine(to, Path.GetFileName(file)), cancellation).ConfigureAwait(false);
                blobs++;
            }
            catch (FileNotFoundException)
            {
                // It was removed meanwhile.
            }
        }
        RealDisk.Instance.SyncDirectory(to);
        return (blobs, copied);
    }

    private static async Task CopyOtherAsync(string from, string to, CancellationToken cancellation)
    {
        if (File.Exists(from))
        {
            MakeDirectoryLike(Path.GetDirectoryName(from)!, Path.GetDirectoryName(to)!);
            await CopyFileAsync(from, to, cancellation).ConfigureAwait(false);
        }
        else if (Directory.Exists(from))
        {
            MakeDirectoryLike(from, to);
            foreach (string file in Directory.EnumerateFiles(from))
                await CopyFileAsync(file, Path.Combine(to, Path.GetFileName(file)), cancellation).ConfigureAwait(false);
            RealDisk.Instance.SyncDirectory(to);
        }
    }

    private static void MakeDirectoryLike(string from, string to)
    {
        if (Directory.Exists(to)) return;
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(to);
        else Directory.CreateDirectory(to, File.GetUnixFileMode(from));
    }

    /// <summary>Copies as much as there is when it begins.</summary>
    private static async Task<long> CopyFileAsync(string from, string to, CancellationToken cancellation)
    {
        using SafeFileHandle source = File.OpenHandle(from, share: FileShare.ReadWrite | FileShare.Delete);
        using FileStream copy = CreateLike(source, to);
        byte[] buffer = new byte[BufferLengthBytes];
        long end = RandomAccess.GetLength(source), at = 0;
        while (at < end)
        {
            int count = await RandomAccess.ReadAsync(source, buffer.AsMemory(0, (int)Math.Min(buffer.Length, end - at)), at, cancellation).ConfigureAwait(false);
            if (count == 0) break;
            await copy.WriteAsync(buffer.AsMemory(0, count), cancellation).ConfigureAwait(false);
            at += count;
        }
        copy.Flush(flushToDisk: true);
        return at;
    }

    /// <summary>Copies from the end to the beginning: at the end of a blob's file stands which chunks are there, and what is there
    /// by then is copied after it.</summary>
    private static async Task<long> CopyBackwardsAsync(string from, string to, CancellationToken cancellation)
    {
        using SafeFileHandle source = File.OpenHandle(from, share: FileShare.ReadWrite | FileShare.Delete);
        using FileStream copy = CreateLike(source, to);
        byte[] buffer = new byte[BufferLengthBytes];
        long end = RandomAccess.GetLength(source);
        for (long at = end; at > 0;)
        {
            int length = (int)Math.Min(buffer.Length, at);
            at -= length;
            int count = await RandomAccess.ReadAsync(source, buffer.AsMemory(0, length), at, cancellation).ConfigureAwait(false);
            await RandomAccess.WriteAsync(copy.SafeFileHandle, buffer.AsMemory(0, count), at, cancellation).ConfigureAwait(false);
        }
        copy.Flush(flushToDisk: true);
        return end;
    }

    private static FileStream CreateLike(SafeFileHandle source, string to)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = File.GetUnixFileMode(source);
        return new FileStream(to, options);
    }

    private static void Discard(string draft)
    {
        if (Directory.Exists(draft)) Directory.Delete(draft, recursive: true);
    }
}
