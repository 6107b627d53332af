using System.IO.Hashing;
using Crdt.Store.AtRest;
using Crdt.Store.Disk;

namespace Crdt.Store.Log;

/// <summary>The truth of a replica: an append-only, check-summed log in segment files.</summary>
/// <remarks>Appends and reads may overlap freely. Positions are counted in bytes from the log's beginning, segment
/// headers
/// included, and never change.</remarks>
internal sealed class ReplicaLog : IDisposable
{
    public const string LockFileName = "lock";

    // Enough to hold the checksums of the last records before a position.
    private const int MarkedLengthBytes = 4096;

    private readonly string directory;
    private readonly LogOptions options;
    private readonly IDisposable held;
    private readonly LogTail tail;
    private readonly LogWriter writer;
    private long start;

    private ReplicaLog(string directory, LogOptions options, IDisposable held, LogTail tail)
    {
        start = Segments(directory, options.Disk)[0].BasePosition;
        this.directory = directory;
        this.options = options;
        this.held = held;
        this.tail = tail;
        writer = new LogWriter(tail, options);
    }

    /// <summary>The bytes given at creation.</summary>
    public ReadOnlyMemory<byte> Identity => tail.Identity;

    /// <summary>Who writes the log, once it is somebody else than it was created for; else empty.</summary>
    public ReplicaId Writer => tail.Writer;

    /// <summary>All before this position is durable.</summary>
    public long DurableEnd => tail.DurableEnd;

    /// <summary>All before this position is written; never before <see cref="DurableEnd"/>.</summary>
    public long WrittenEnd => tail.WrittenEnd;

    /// <summary>Where the first segment begins that was not dropped.</summary>
    public long Start => Volatile.Read(ref start);

    /// <summary>Number of flushes of group commits, and of closed segments.</summary>
    public long FlushCount => tail.FlushCount;

    /// <summary>Creates an empty log.</summary>
    /// <param name="directory">Created if missing.</param>
    /// <param name="identity">Whose log it is: opaque, stands in each segment; at most 1,024 bytes.</param>
    /// <param name="options">Sizes and the disk.</param>
    /// <param name="key">Makes the key, once the directory is known to be free and is held; null where nothing is
    /// encrypted.</param>
    /// <exception cref="StoreException"><see cref="StoreError.AlreadyExists"/>, <see cref="StoreError.InUse"/>,
    /// <see cref="StoreError.DiskFull"/>, <see cref="StoreError.WriteFailed"/>.</exception>
    public static ReplicaLog Create(
        string directory, ReadOnlyMemory<byte> identity, LogOptions? options = null, Func<AtRestCipher>? key = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(
            identity.Length, SegmentHeader.IdentityLengthBytesMax, nameof(identity));
        options ??= LogOptions.Default;
        return Take(directory, options, held =>
        {
            if (Segments(directory, options.Disk).Count > 0)
                throw new StoreException(StoreError.AlreadyExists, $"'{directory}' already holds a log.");
            LogOptions keyed = options with { Cipher = key?.Invoke() };
            return new ReplicaLog(directory, keyed, held, LogTail.Create(directory, keyed, identity));
        });
    }

    /// <summary>Opens a log: verifies its last segment and drops what a crash left unfinished at the end.</summary>
    /// <param name="directory">The log's.</param>
    /// <param name="options">Sizes and the disk.</param>
    /// <exception cref="StoreException"><see cref="StoreError.NotFound"/>, <see cref="StoreError.InUse"/>,
    /// <see cref="StoreError.UnsupportedFormat"/>, <see cref="StoreError.LogDamaged"/>.</exception>
    public static ReplicaLog Open(string directory, LogOptions? options = null)
    {
        options ??= LogOptions.Default;
        if (Segments(directory, options.Disk).Count == 0)
            throw new StoreException(StoreError.NotFound, $"'{directory}' holds no log.");
        return Take(directory, options, held =>
        {
            List<SegmentName> segments = Segments(directory, options.Disk);
            CheckUnbroken(directory, options.Disk, segments);
            LogTail tail = LogTail.Open(directory, options, segments[^1]);
            // Not before it is clear that the log is this version's to change.
            foreach (string name in options.Disk.ListFiles(directory))
            {
                if (name.EndsWith(".tmp", StringComparison.Ordinal))
                    options.Disk.Delete(Path.Combine(directory, name));
            }
            return new ReplicaLog(directory, options, held, tail);
        });
    }

    /// <summary>True if the directory holds a log, intact or not.</summary>
    public static bool Exists(string directory, IDisk disk) => Segments(directory, disk).Count > 0;

    /// <summary>Whether a log is encrypted, as far as the beginning of its last segment can be read.</summary>
    public static bool IsEncrypted(string directory, IDisk disk)
    {
        if (Segments(directory, disk) is not [.., var last])
            return false;
        using IDiskFile file = disk.Open(Path.Combine(directory, last.FileName), DiskOpenMode.Read);
        return SegmentHeader.IsEncrypted(file);
    }

    /// <summary>Keeps others from opening a log.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.NotFound"/>, <see cref="StoreError.InUse"/>.</exception>
    public static IDisposable Hold(string directory, IDisk disk) => Exists(directory, disk)
        ? disk.Lock(Path.Combine(directory, LockFileName))
        : throw new StoreException(StoreError.NotFound, $"'{directory}' holds no log.");

    /// <summary>Appends an entry as a group of its own.</summary>
    /// <inheritdoc cref="AppendAsync(ReadOnlyMemory{LogEntry}, bool)"/>
    public ValueTask<long> AppendAsync(in LogEntry entry, bool durable = true) => writer.AppendAsync(entry, durable);

    /// <summary>Appends a group of entries, which count together or not at all.</summary>
    /// <param name="entries">At least one. Not to be changed until the append completes.</param>
    /// <param name="durable">True: completes when the group survives a power cut. False: completes when it can be
    /// read, and
    /// a later durable append covers it.</param>
    /// <returns>The position behind the group. To be awaited once.</returns>
    /// <exception cref="StoreException">Nothing was appended: <see cref="StoreError.DiskFull"/>,
    /// <see cref="StoreError.WriteFailed"/> (it may work again later), <see cref="StoreError.Faulted"/>,
    /// <see cref="StoreError.Closed"/>.</exception>
    public ValueTask<long> AppendAsync(ReadOnlyMemory<LogEntry> entries, bool durable = true) =>
        writer.AppendAsync(entries, durable);

    /// <summary>Completes when all that was appended before is durable.</summary>
    /// <exception cref="StoreException">As for an append.</exception>
    public ValueTask<long> SyncAsync() => writer.SyncAsync();

    /// <summary>Reads entries in the order in which they were appended, verifying each group first.</summary>
    /// <param name="from">A position that an append, a reading or a search returned; 0 for all.</param>
    /// <param name="end">Where to stop, such a position too; by default all that is written at the first step.</param>
    /// <exception cref="StoreException"><see cref="StoreError.LogDamaged"/>, naming segment, offset and what is wrong,
    /// when
    /// the reading comes to it; <see cref="StoreError.ReadFailed"/>.</exception>
    public IEnumerable<LoggedEntry> Read(long from, long? end = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        return ReadCore(from, end);
    }

    /// <summary>Finds from where to read to get everything that a vector does not cover: the beginning of the last
    /// segment before which all is covered.</summary>
    public long FindStart(VersionVector covered) => FindLast(start => start.IsCoveredBy(covered));

    /// <summary>Finds from where to read to get one author's mutations from a sequence on: the beginning of the last
    /// segment that has none of them before it, or the end if there are none.</summary>
    public long FindStart(ReplicaId author, long sequence) =>
        tail.Reached(author) < sequence ? WrittenEnd : FindLast(start => start[author] < sequence);

    /// <summary>Deletes the segments that end at or before a position; never the last one.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.WriteFailed"/>: some first part of them may be gone.</exception>
    public void Prune(long floor, CancellationToken cancellationToken)
    {
        List<SegmentName> segments = Segments(directory, options.Disk);
        for (int i = 0; i + 1 < segments.Count && segments[i + 1].BasePosition <= floor; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            // Readers look here before they take a missing segment for damage.
            Volatile.Write(ref start, segments[i + 1].BasePosition);
            try
            {
                options.Disk.Delete(Path.Combine(directory, segments[i].FileName));
                // One by one: the disk may otherwise forget the first deletion and keep the second, which is a gap.
                options.Disk.SyncDirectory(directory);
            }
            catch (Exception e) when (StoreException.IsEnvironmental(e))
            {
                throw StoreException.FromWrite($"Dropping log segment '{segments[i].FileName}'", e);
            }
        }
    }

    /// <summary>A hash of what stands before a position, to recognise whether two logs are the same up to there; 0 where
    /// all of that was dropped.</summary>
    public ulong MarkAt(long position)
    {
        List<SegmentName> segments = Segments(directory, options.Disk);
        int last = LastBefore(segments, position);
        if (last < 0)
            return 0;
        SegmentName segment = segments[last];
        using IDiskFile file = Open(segment);
        long end = position - segment.BasePosition;
        byte[] bytes = new byte[Math.Min(end, MarkedLengthBytes)];
        try
        {
            int length = file.Read(bytes, end - bytes.Length);
            return XxHash3.HashToUInt64(bytes.AsSpan(0, length), position);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw ReadFailed(segment, e);
        }
    }

    /// <summary>Writes what waits, seals the log and releases the directory.</summary>
    public void Dispose()
    {
        writer.Dispose();
        tail.Dispose();
        held.Dispose();
        options.Cipher?.Dispose();
    }

    /// <summary>The key under which the log is written; null where nothing is encrypted.</summary>
    public AtRestCipher? Cipher => options.Cipher;

    private static ReplicaLog Take(string directory, LogOptions options, Func<IDisposable, ReplicaLog> open)
    {
        try
        {
            options.Disk.CreateDirectory(directory);
            IDisposable held = options.Disk.Lock(Path.Combine(directory, LockFileName));
            try
            {
                return open(held);
            }
            catch
            {
                held.Dispose();
                throw;
            }
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw StoreException.FromWrite($"Opening the log in '{directory}'", e);
        }
    }

    private static List<SegmentName> Segments(string directory, IDisk disk)
    {
        var segments = new List<SegmentName>();
        foreach (string name in disk.ListFiles(directory))
        {
            if (SegmentName.TryParse(name, out SegmentName segment))
                segments.Add(segment);
        }
        return segments;
    }

    // Each segment begins where the one before it ends, so a missing or shortened one shows without being read.
    private static void CheckUnbroken(string directory, IDisk disk, List<SegmentName> segments)
    {
        for (int i = 1; i < segments.Count; i++)
        {
            SegmentName segment = segments[i - 1];
            using IDiskFile file = disk.Open(Path.Combine(directory, segment.FileName), DiskOpenMode.Read);
            long end = segment.BasePosition + file.Length;
            if (end != segments[i].BasePosition)
            {
                throw segment.Damaged(
                    file.Length,
                    $"it ends at position {end}, but the next segment there is begins at {segments[i].BasePosition}");
            }
        }
    }

    private IEnumerable<LoggedEntry> ReadCore(long from, long? given)
    {
        long end = Math.Min(given ?? long.MaxValue, WrittenEnd);
        List<SegmentName> segments = Segments(directory, options.Disk);
        var entries = new List<LoggedEntry>();
        int first = from < end ? Math.Max(LastBefore(segments, from + 1), 0) : segments.Count;
        for (int i = first; i < segments.Count && segments[i].BasePosition < end; i++)
        {
            SegmentName segment = segments[i];
            using IDiskFile? file = TryOpen(segment);
            if (file is null)
                continue;
            long segmentEnd = i + 1 < segments.Count ? segments[i + 1].BasePosition : long.MaxValue;
            long length = Math.Min(segmentEnd, WrittenEnd) - segment.BasePosition;
            SegmentHeader header = ReadHeader(file, segment, out int headerLength);
            if (!header.Identity.Span.SequenceEqual(Identity.Span))
                throw segment.Damaged(0, "it belongs to another replica's log");

            long start = Math.Max(from - segment.BasePosition, headerLength);
            SegmentReader reader = ReaderAt(file, segment, start, headerLength, length);
            while (reader.Offset < length && segment.BasePosition + reader.Offset < end)
            {
                ReadGroup(reader, segment, entries);
                foreach (LoggedEntry entry in entries)
                {
                    if (entry.Next.Value > from && entry.Next.Value <= end)
                        yield return entry;
                }
            }
        }
    }

    // A position inside a group is rare, and found by passing over the segment's groups before it.
    private SegmentReader ReaderAt(IDiskFile file, SegmentName segment, long offset, long first, long length)
    {
        try
        {
            var reader = new SegmentReader(file, segment, offset, length, options.Cipher);
            if (offset < length && !reader.IsAtGroup())
            {
                reader.MoveTo(first);
                if (!reader.TrySkipTo(offset))
                    throw segment.Damaged(reader.Offset, "no intact group begins here");
            }
            return reader;
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw ReadFailed(segment, e);
        }
    }

    private static void ReadGroup(SegmentReader reader, SegmentName segment, List<LoggedEntry> entries)
    {
        string? wrong;
        try
        {
            wrong = reader.TryReadGroup(entries, out _);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw ReadFailed(segment, e);
        }
        if (wrong is not null)
            throw segment.Damaged(reader.Offset, wrong);
    }

    private long FindLast(Func<LogVector, bool> matches)
    {
        // Start vectors only grow, so the segments that match come first; the first is where the log begins.
        List<SegmentName> segments = Segments(directory, options.Disk);
        int low = 0;
        int high = segments.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            using IDiskFile? file = TryOpen(segments[middle]);
            if (file is null)
                low = middle;
            else if (matches(ReadHeader(file, segments[middle], out _).Start))
                low = middle;
            else
                high = middle - 1;
        }
        return Math.Max(segments[low].BasePosition, Start);
    }

    private static int LastBefore(List<SegmentName> segments, long position) =>
        segments.FindLastIndex(segment => segment.BasePosition < position);

    private SegmentHeader ReadHeader(IDiskFile file, SegmentName segment, out int length)
    {
        try
        {
            return SegmentHeader.Read(file, segment, options.Cipher, out length);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw ReadFailed(segment, e);
        }
    }

    private static StoreException ReadFailed(SegmentName segment, Exception cause) =>
        new(StoreError.ReadFailed, $"Log segment '{segment.FileName}' could not be read: {cause.Message}", cause);

    /// <summary>Opens a segment; null when it has been dropped meanwhile.</summary>
    private IDiskFile? TryOpen(SegmentName segment)
    {
        try
        {
            return Open(segment);
        }
        catch (StoreException) when (segment.BasePosition < Start)
        {
            return null;
        }
    }

    private IDiskFile Open(SegmentName segment)
    {
        try
        {
            return options.Disk.Open(Path.Combine(directory, segment.FileName), DiskOpenMode.Read);
        }
        catch (Exception e) when (StoreException.IsEnvironmental(e))
        {
            throw ReadFailed(segment, e);
        }
    }
}
