namespace Crdt.Store.Disk;

/// <summary>Another disk with everything that is written kept in memory: what works on it sees its own changes, and the disk
/// below stays as it is.</summary>
internal sealed class OverlayDisk(IDisk below) : IDisk, IDisposable
{
    private const int BlockLengthBytes = 16 << 10;

    private readonly object gate = new();

    // Null: deleted here.
    private readonly Dictionary<string, State?> states = [];

    public void CreateDirectory(string path)
    {
    }

    public bool Exists(string path)
    {
        lock (gate)
            return states.TryGetValue(path, out State? state) ? state is not null : below.Exists(path);
    }

    public IReadOnlyList<string> ListFiles(string directory)
    {
        lock (gate)
        {
            var names = new SortedSet<string>(below.ListFiles(directory), StringComparer.Ordinal);
            foreach ((string path, State? state) in states)
            {
                if (Path.GetDirectoryName(path) != directory) continue;
                if (state is null) names.Remove(Path.GetFileName(path));
                else names.Add(Path.GetFileName(path));
            }
            return [.. names];
        }
    }

    public IDiskFile Open(string path, DiskOpenMode mode)
    {
        lock (gate)
        {
            bool isKnown = states.TryGetValue(path, out State? state);
            if (mode == DiskOpenMode.Create) state = states[path] = new State(null);
            else if (!isKnown && below.Exists(path)) state = states[path] = new State(below.Open(path, DiskOpenMode.Read));
            else if (state is null && mode == DiskOpenMode.OpenOrCreate) state = states[path] = new State(null);
            return new OpenFile(state ?? throw new FileNotFoundException("There is no such file.", path));
        }
    }

    /// <summary>Nobody else sees what is written here.</summary>
    public IDisposable Lock(string path) => new State(null);

    public void Rename(string from, string to)
    {
        Open(from, DiskOpenMode.Read).Dispose();
        lock (gate)
        {
            states[to] = states[from];
            states[from] = null;
        }
    }

    public void Delete(string path)
    {
        lock (gate) states[path] = null;
    }

    public void SyncDirectory(string path)
    {
    }

    public void Dispose()
    {
        lock (gate)
        {
            foreach (State? state in states.Values) state?.Dispose();
        }
    }

    private sealed class State(IDiskFile? below) : IDisposable
    {
        private readonly Dictionary<long, byte[]> blocks = [];

        // Below this the file below counts: what was cut off here does not come back.
        private long belowLength = below?.Length ?? 0;

        public long Length { get; private set; } = below?.Length ?? 0;

        public int Read(Span<byte> buffer, long offset)
        {
            lock (blocks)
            {
                int total = (int)Math.Clamp(Length - offset, 0, buffer.Length);
                for (int at = 0; at < total;)
                {
                    (long block, int within) = ((offset + at) / BlockLengthBytes, (int)((offset + at) % BlockLengthBytes));
                    Span<byte> part = buffer[at..Math.Min(total, at + BlockLengthBytes - within)];
                    if (blocks.TryGetValue(block, out byte[]? written)) written.AsSpan(within, part.Length).CopyTo(part);
                    else ReadBelow(part, offset + at);
                    at += part.Length;
                }
                return total;
            }
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            lock (blocks)
            {
                for (int at = 0; at < bytes.Length;)
                {
                    (long block, int within) = ((offset + at) / BlockLengthBytes, (int)((offset + at) % BlockLengthBytes));
                    if (!blocks.TryGetValue(block, out byte[]? written))
                    {
                        blocks[block] = written = new byte[BlockLengthBytes];
                        ReadBelow(written, block * BlockLengthBytes);
                    }
                    ReadOnlySpan<byte> part = bytes[at..Math.Min(bytes.Length, at + BlockLengthBytes - within)];
                    part.CopyTo(written.AsSpan(within));
                    at += part.Length;
                }
                Length = Math.Max(Length, offset + bytes.Length);
            }
        }

        public void SetLength(long length)
        {
            lock (blocks)
            {
                foreach (long block in blocks.Keys.Where(b => (b + 1) * BlockLengthBytes > length).ToList())
                {
                    if (block * BlockLengthBytes >= length) blocks.Remove(block);
                    else blocks[block].AsSpan((int)(length - (block * BlockLengthBytes))).Clear();
                }
                belowLength = Math.Min(belowLength, length);
                Length = length;
            }
        }

        public void Dispose() => below?.Dispose();

        private void ReadBelow(Span<byte> part, long offset)
        {
            part.Clear();
            int length = (int)Math.Clamp(belowLength - offset, 0, part.Length);
            if (length > 0) below!.Read(part[..length], offset);
        }
    }

    private sealed class OpenFile(State state) : IDiskFile
    {
        public long Length => state.Length;

        public int Read(Span<byte> buffer, long offset) => state.Read(buffer, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset) => state.Write(bytes, offset);

        public void SetLength(long length) => state.SetLength(length);

        public void Flush()
        {
        }

        public void Dispose()
        {
        }
    }
}
