using Crdt.Store;
using Crdt.Store.Disk;

namespace Crdt.Integration.Store;

/// <summary>A disk in memory that fills up, fails, and loses power: what was not flushed is then kept in
/// part.</summary>
internal sealed class SimulatedDisk : IDisk
{
    private const int SectorLengthBytes = 512;

    private readonly object gate = new();
    private readonly HashSet<string> locks = [];
    private readonly Dictionary<string, FileState> entries = [];
    private Dictionary<string, FileState> durableEntries = [];

    public long CapacityBytes { get; set; } = long.MaxValue;

    public bool FailFlushes { get; set; }

    public bool FailDirectorySyncs { get; set; }

    /// <summary>Called at the beginning of each flush: what was written may or may not survive a power cut
    /// now.</summary>
    public Action? Flushing { get; set; }

    /// <summary>Called before and after each change of a directory, and before it is made durable.</summary>
    public Action? Changing { get; set; }

    /// <summary>Called before each read, with the file's path and where it is read; what it throws, the read does.</summary>
    public Action<string, long>? Reading { get; set; }

    public int FlushCount { get; private set; }

    public int WriteCount { get; private set; }

    /// <summary>The disk as it would be found after a power cut at this instant.</summary>
    public SimulatedDisk AfterPowerCut(int seed)
    {
        var random = new Random(seed);
        lock (gate)
        {
            var survivor = new SimulatedDisk();
            // A directory's journal keeps all of its changes or none: enough for one rename at a time.
            Dictionary<string, FileState> kept = random.Next(2) == 0 ? entries : durableEntries;
            foreach ((string path, FileState file) in kept)
                survivor.entries[path] = new FileState { Bytes = file.Survive(random) };
            survivor.durableEntries = new(survivor.entries);
            foreach (FileState file in survivor.entries.Values)
                file.Durable = [.. file.Bytes];
            return survivor;
        }
    }

    /// <summary>The disk as it would be found after the process is killed at this instant.</summary>
    public SimulatedDisk AfterKill()
    {
        lock (gate)
        {
            var survivor = new SimulatedDisk();
            foreach ((string path, FileState file) in entries)
                survivor.entries[path] = new FileState { Bytes = [.. file.Bytes], Durable = [.. file.Bytes] };
            survivor.durableEntries = new(survivor.entries);
            return survivor;
        }
    }

    public byte[] this[string path]
    {
        get
        {
            lock (gate)
                return [.. entries[path].Bytes];
        }
        set
        {
            lock (gate)
                entries[path] = durableEntries[path] = new FileState { Bytes = [.. value], Durable = [.. value] };
        }
    }

    public void CreateDirectory(string path)
    {
    }

    public bool Exists(string path)
    {
        lock (gate)
            return entries.ContainsKey(path);
    }

    public IReadOnlyList<string> ListFiles(string directory)
    {
        lock (gate)
        {
            return [.. entries.Keys.Where(path => Path.GetDirectoryName(path) == directory)
                .Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        }
    }

    public IDiskFile Open(string path, DiskOpenMode mode)
    {
        lock (gate)
        {
            if (mode == DiskOpenMode.Create || (mode == DiskOpenMode.OpenOrCreate && !entries.ContainsKey(path)))
                entries[path] = new FileState();
            return entries.TryGetValue(path, out FileState? state)
                ? new OpenFile(this, path, state)
                : throw new FileNotFoundException("No such file", path);
        }
    }

    public IDisposable Lock(string path)
    {
        lock (gate)
        {
            if (!locks.Add(path))
                throw new StoreException(StoreError.InUse, $"'{path}' is locked.");
            return new Release(() => locks.Remove(path));
        }
    }

    public void Rename(string from, string to)
    {
        lock (gate)
        {
            entries.Remove(from, out FileState? state);
            entries[to] = state ?? throw new FileNotFoundException("No such file", from);
        }
    }

    public void Delete(string path)
    {
        lock (gate)
        {
            Changing?.Invoke();
            entries.Remove(path);
            Changing?.Invoke();
        }
    }

    public void SyncDirectory(string path)
    {
        lock (gate)
        {
            if (FailDirectorySyncs)
                throw new IOException("Input/output error", 5);
            Changing?.Invoke();
            durableEntries = new(entries);
        }
    }

    private sealed class Release(Action release) : IDisposable
    {
        public void Dispose() => release();
    }

    private sealed class FileState
    {
        public List<byte> Bytes { get; set; } = [];

        public List<byte> Durable { get; set; } = [];

        public List<(long Offset, byte[]? Written)> Pending { get; } = [];

        /// <summary>All metadata changes in order, but of each write any subset of its sectors.</summary>
        public List<byte> Survive(Random random)
        {
            List<byte> bytes = [.. Durable];
            int kept = random.Next(Pending.Count + 1);
            foreach ((long offset, byte[]? written) in Pending.Take(kept))
            {
                if (written is null)
                {
                    Resize(bytes, offset);
                    continue;
                }
                int mode = random.Next(3);
                int cut = random.Next(written.Length + 1);
                if (mode == 0)
                    Resize(bytes, Math.Max(bytes.Count, offset + written.Length));
                for (int i = 0; i < written.Length; i++)
                {
                    bool survives = mode switch
                    {
                        0 => IsKept(cut, (offset + i) / SectorLengthBytes),
                        1 => i < cut,
                        _ => true,
                    };
                    if (!survives)
                        continue;
                    Resize(bytes, Math.Max(bytes.Count, offset + i + 1));
                    bytes[(int)offset + i] = written[i];
                }
            }
            return bytes;
        }

        private static bool IsKept(int salt, long sector) =>
            (((ulong)(salt + 1) * 0x9E3779B97F4A7C15) ^ ((ulong)(sector + 1) * 0xC2B2AE3D27D4EB4F)) >> 60 < 8;

        public static void Resize(List<byte> bytes, long length)
        {
            if (length < bytes.Count)
                bytes.RemoveRange((int)length, bytes.Count - (int)length);
            else if (length > bytes.Count)
                bytes.AddRange(new byte[length - bytes.Count]);
        }
    }

    private sealed class OpenFile(SimulatedDisk disk, string path, FileState state) : IDiskFile
    {
        public long Length
        {
            get
            {
                lock (disk.gate)
                    return state.Bytes.Count;
            }
        }

        public int Read(Span<byte> buffer, long offset)
        {
            disk.Reading?.Invoke(path, offset);
            lock (disk.gate)
            {
                int count = (int)Math.Clamp(state.Bytes.Count - offset, 0, buffer.Length);
                System.Runtime.InteropServices.CollectionsMarshal.AsSpan(state.Bytes)
                    .Slice((int)Math.Min(offset, state.Bytes.Count), count).CopyTo(buffer);
                return count;
            }
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            lock (disk.gate)
            {
                disk.WriteCount++;
                long used = disk.entries.Values.Sum(file => (long)file.Bytes.Count) - state.Bytes.Count;
                bool full = used + offset + bytes.Length > disk.CapacityBytes;
                // A write that does not fit is left there in half, as the system may.
                ReadOnlySpan<byte> written = full ? bytes[..(bytes.Length / 2)] : bytes;
                FileState.Resize(state.Bytes, Math.Max(state.Bytes.Count, offset + written.Length));
                written.CopyTo(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(state.Bytes)[(int)offset..]);
                state.Pending.Add((offset, written.ToArray()));
                if (full)
                    throw new IOException("No space left on device", 28);
            }
        }

        public void SetLength(long length)
        {
            lock (disk.gate)
            {
                FileState.Resize(state.Bytes, length);
                state.Pending.Add((length, null));
            }
        }

        public void Flush()
        {
            lock (disk.gate)
            {
                disk.FlushCount++;
                disk.Flushing?.Invoke();
                if (disk.FailFlushes)
                    throw new IOException("Input/output error", 5);
                state.Durable = [.. state.Bytes];
                state.Pending.Clear();
            }
        }

        public void Dispose()
        {
        }
    }
}
