using Crdt.Store.Disk;

namespace Crdt.Store.Log;

/// <summary>The end of the log, where it grows: the last segment, open for writing. Used by one thread at a
/// time.</summary>
internal sealed class LogTail : IDisposable
{
    // A burst's buffer is kept for the next one up to this length.
    private const int KeptBufferLengthBytes = 1 << 20;

    private readonly string directory;
    private readonly LogOptions options;
    private readonly ReadOnlyMemory<byte> identity;
    private readonly LogVector vector;

    private byte[] buffer = new byte[64 << 10];
    private int buffered;
    private IDiskFile? file;
    private SegmentName segment;
    private int headerLength;
    private long writtenEnd;
    private long durableEnd;
    private bool flushFailed;
    private bool isSealed;

    private LogTail(string directory, LogOptions options, ReadOnlyMemory<byte> identity, LogVector vector)
    {
        this.directory = directory;
        this.options = options;
        this.identity = identity;
        this.vector = vector;
    }

    /// <summary>All before this position is written, and may be read.</summary>
    public long WrittenEnd => Volatile.Read(ref writtenEnd);

    /// <summary>All before this position is durable.</summary>
    public long DurableEnd => Volatile.Read(ref durableEnd);

    /// <summary>Number of flushes so far.</summary>
    public long FlushCount { get; private set; }

    public ReadOnlyMemory<byte> Identity => identity;

    /// <summary>Bytes collected by <see cref="Add"/> and not yet written.</summary>
    public int BufferedLength => buffered;

    private string SegmentPath => Path.Combine(directory, segment.FileName);

    /// <summary>Begins a log: writes its first segment.</summary>
    public static LogTail Create(string directory, LogOptions options, ReadOnlyMemory<byte> identity)
    {
        var tail = new LogTail(directory, options, identity.ToArray(), new LogVector());
        tail.BeginSegment(new SegmentName(0));
        return tail;
    }

    /// <summary>Opens the last segment: verifies it, and drops what a crash left unfinished at its end.</summary>
    public static LogTail Open(string directory, LogOptions options, SegmentName last)
    {
        string path = Path.Combine(directory, last.FileName);
        IDiskFile file = options.Disk.Open(path, DiskOpenMode.ReadWrite);
        try
        {
            SegmentHeader header = SegmentHeader.Read(file, last, options.Cipher, out int headerLength);
            var tail = new LogTail(directory, options, header.Identity, header.Start)
            {
                file = file,
                segment = last,
                headerLength = headerLength,
            };
            long end = TailScan.FindEnd(file, last, headerLength, options.Cipher, out tail.isSealed, entry => tail.vector.Include(entry));
            if (end < file.Length)
                tail.DropTorn(end);
            // What a killed process had written may be in the system's cache only.
            file.Flush();
            tail.writtenEnd = tail.durableEnd = last.BasePosition + end;
            return tail;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Makes room at the end: repairs what a failure left, begins a new segment where the last one is
    /// full.</summary>
    public void Prepare()
    {
        if (file is null)
            Repair();
        if (writtenEnd - segment.BasePosition < Math.Max(options.SegmentLengthBytes, headerLength + 1))
            return;
        Flush();
        SealTail();
        IDiskFile full = file!;
        BeginSegment(new SegmentName(writtenEnd));
        full.Dispose();
    }

    /// <summary>Collects a group for the next write.</summary>
    /// <returns>The position at which the group will end.</returns>
    public long Add(ReadOnlySpan<LogEntry> entries, int length)
    {
        if (buffer.Length - buffered < length)
        {
            long grown = Math.Min(buffer.Length * 2L, Array.MaxLength);
            Array.Resize(ref buffer, (int)Math.Max(grown, (long)buffered + length));
        }
        GroupFormat.Encode(
            buffer.AsSpan(buffered, length), entries, writtenEnd + buffered, durableEnd, options.Cipher);
        buffered += length;
        return writtenEnd + buffered;
    }

    /// <summary>Writes what was collected, in one piece, and makes it durable if asked.</summary>
    /// <remarks>If this throws, nothing of it counts, and <see cref="Prepare"/> must come before the next
    /// try.</remarks>
    public void Write(bool durable)
    {
        long end = writtenEnd + buffered;
        if (buffered > 0)
        {
            isSealed = false;
            file!.Write(buffer.AsSpan(0, buffered), writtenEnd - segment.BasePosition);
        }
        if (durable && durableEnd < end)
        {
            FlushFile();
            Volatile.Write(ref durableEnd, end);
        }
        Volatile.Write(ref writtenEnd, end);
        Clear();
    }

    /// <summary>Counts an entry that was written in the vector with which the next segment will start.</summary>
    public void Include(in LogEntry entry)
    {
        lock (vector)
            vector.Include(entry);
    }

    /// <summary>The highest sequence of an author in the log.</summary>
    public long Reached(ReplicaId author)
    {
        lock (vector)
            return vector[author];
    }

    /// <summary>Who writes the log, once it is somebody else than the log was created for; else empty.</summary>
    public ReplicaId Writer
    {
        get
        {
            lock (vector)
                return vector.Writer;
        }
    }

    /// <summary>Makes all that was written durable.</summary>
    public void Flush()
    {
        if (durableEnd == writtenEnd)
            return;
        FlushFile();
        Volatile.Write(ref durableEnd, writtenEnd);
    }

    /// <summary>After a failed write or flush: nothing that was collected counts, and the file is not trusted until it
    /// has been opened and verified again.</summary>
    /// <returns>False if an entry that had been acknowledged as written, but not as durable, is lost.</returns>
    public bool Discard()
    {
        Clear();
        bool kept = writtenEnd == durableEnd || TryKeepWritten();
        file?.Dispose();
        file = null;
        Volatile.Write(ref writtenEnd, durableEnd);
        return kept;
    }

    /// <summary>Whether what stands at the end is durable, and nothing proves it yet.</summary>
    public bool NeedsSeal =>
        file is not null && !isSealed && writtenEnd == durableEnd && writtenEnd - segment.BasePosition > headerLength;

    /// <summary>Ends with a group that proves all before it durable, so that later damage is not taken for a torn
    /// tail.</summary>
    public void SealTail()
    {
        if (file is null || isSealed || writtenEnd - segment.BasePosition == headerLength)
            return;
        Add([], GroupFormat.RecordsStart(options.Cipher));
        Write(durable: true);
        isSealed = true;
    }

    public void Dispose() => file?.Dispose();

    private void BeginSegment(SegmentName next)
    {
        // Under another name until it is whole and durable: a segment never has half a header.
        byte[] header = new SegmentHeader(identity, next.BasePosition, vector).Encode(options.Cipher);
        string path = Path.Combine(directory, next.FileName);
        string draft = path + ".tmp";
        IDiskFile created = options.Disk.Open(draft, DiskOpenMode.Create);
        try
        {
            created.Write(header, 0);
            created.Flush();
            options.Disk.Rename(draft, path);
            options.Disk.SyncDirectory(directory);
        }
        catch
        {
            created.Dispose();
            throw;
        }

        file = created;
        segment = next;
        isSealed = false;
        headerLength = header.Length;
        Volatile.Write(ref durableEnd, next.BasePosition + header.Length);
        Volatile.Write(ref writtenEnd, next.BasePosition + header.Length);
    }

    // A failed write says nothing about the bytes before it; after a failed flush, nobody knows what is on the disk.
    private bool TryKeepWritten()
    {
        if (flushFailed)
            return false;
        try
        {
            file!.SetLength(writtenEnd - segment.BasePosition);
            Flush();
            return true;
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            return false;
        }
    }

    private void Repair()
    {
        DropStraySegments();
        IDiskFile reopened = options.Disk.Open(SegmentPath, DiskOpenMode.ReadWrite);
        try
        {
            long end = durableEnd - segment.BasePosition;
            reopened.SetLength(end);
            reopened.Flush();
            if (TailScan.FindEnd(reopened, segment, headerLength, options.Cipher, out isSealed, static _ => { }) != end)
                throw segment.Damaged(end, "after a failed write, what had been durable before is not there any more");
            file = reopened;
            flushFailed = false;
        }
        catch
        {
            reopened.Dispose();
            throw;
        }
    }

    // The beginning of a segment may have failed after it got its name.
    private void DropStraySegments()
    {
        bool any = false;
        foreach (string name in options.Disk.ListFiles(directory))
        {
            if (SegmentName.TryParse(name, out SegmentName stray) && stray.BasePosition > segment.BasePosition)
            {
                options.Disk.Delete(Path.Combine(directory, name));
                any = true;
            }
        }
        if (any)
            options.Disk.SyncDirectory(directory);
    }

    private void DropTorn(long end)
    {
        byte[] torn = new byte[file!.Length - end];
        int length = file.Read(torn, end);
        if (torn.AsSpan(0, length).ContainsAnyExcept((byte)0))
            KeepAside(torn.AsSpan(0, length), end);
        file.SetLength(end);
    }

    private void KeepAside(ReadOnlySpan<byte> torn, long offset)
    {
        try
        {
            string path = Path.Combine(directory, $"{segment.FileName}.{offset}.torn");
            using IDiskFile aside = options.Disk.Open(path, DiskOpenMode.Create);
            aside.Write(torn, 0);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            // Evidence for a curious person, never acknowledged: not worth a replica that does not open on a full disk.
        }
    }

    private void FlushFile()
    {
        FlushCount++;
        flushFailed = true;
        file!.Flush();
        flushFailed = false;
    }

    private void Clear()
    {
        buffered = 0;
        if (buffer.Length > KeptBufferLengthBytes)
            buffer = new byte[KeptBufferLengthBytes];
    }
}
