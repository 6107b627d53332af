using Crdt.Store.AtRest;
using Crdt.Store.Disk;
using Crdt.Store.Log;

namespace Crdt.Store.Doctor;

/// <summary>Reads all that is intact of a log, and lists what is not: where a group is damaged, it goes on with the next one.</summary>
internal sealed class LogSurvey(IDisk disk, string directory, AtRestCipher? cipher)
{
    private long lastLength;

    public List<LogDamage> Damages { get; } = [];

    public int Segments { get; private set; }

    public long LengthBytes { get; private set; }

    public long Entries { get; private set; }

    public long Mutations { get; private set; }

    /// <exception cref="StoreException"><see cref="StoreError.UnsupportedFormat"/>.</exception>
    public void Run(CancellationToken cancellationToken)
    {
        List<SegmentName> segments = [];
        foreach (string name in disk.ListFiles(directory))
        {
            if (SegmentName.TryParse(name, out SegmentName segment)) segments.Add(segment);
        }
        Segments = segments.Count;
        ReadOnlyMemory<byte>? identity = null;
        for (int i = 0; i < segments.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            SegmentName segment = segments[i];
            using IDiskFile file = disk.Open(Path.Combine(directory, segment.FileName), DiskOpenMode.Read);
            if (i > 0 && segments[i - 1].BasePosition + lastLength != segment.BasePosition)
                Damages.Add(new LogDamage(segment, 0, $"the log before it ends at position {segments[i - 1].BasePosition + lastLength}", false));
            lastLength = file.Length;
            LengthBytes += lastLength;
            SegmentHeader? header = Read(file, segment, i == segments.Count - 1, cancellationToken);
            if (header is null) continue;
            if (identity is { } first && !first.Span.SequenceEqual(header.Identity.Span))
                Damages.Add(new LogDamage(segment, 0, "it belongs to another replica's log", false));
            identity ??= header.Identity;
        }
    }

    /// <summary>The intact entries of one file, which need not be part of a log any more.</summary>
    /// <param name="disk">Where.</param>
    /// <param name="path">The file.</param>
    /// <param name="segment">What it was called in the log.</param>
    /// <param name="from">Offset of the first group to read; what is before it is passed over.</param>
    /// <param name="cipher">The key; null where nothing is encrypted.</param>
    public static List<LogEntry> ReadIntact(IDisk disk, string path, SegmentName segment, long from, AtRestCipher? cipher)
    {
        using IDiskFile file = disk.Open(path, DiskOpenMode.Read);
        var found = new List<LogEntry>();
        ReadGroups(file, segment, from, cipher, found.Add, static (_, _) => { }, CancellationToken.None);
        return found;
    }

    private SegmentHeader? Read(IDiskFile file, SegmentName segment, bool isLast, CancellationToken cancellationToken)
    {
        SegmentHeader? header = null;
        int start = 0;
        try
        {
            header = SegmentHeader.Read(file, segment, cipher, out start);
        }
        catch (StoreException e) when (e.Error == StoreError.LogDamaged)
        {
            Damages.Add(new LogDamage(segment, 0, e.Message, false));
        }
        ReadGroups(file, segment, start, cipher, Count, (offset, problem) =>
        {
            bool isTail = isLast && header is not null && TailScan.FindProof(file, segment, offset, file.Length) is null;
            Damages.Add(new LogDamage(segment, offset, problem, isTail));
        }, cancellationToken);
        return header;
    }

    private void Count(LogEntry entry)
    {
        Entries++;
        if (entry.Kind == LogEntryKind.Batch) Mutations += entry.LastSequence - entry.FirstSequence + 1;
    }

    private static void ReadGroups(
        IDiskFile file, SegmentName segment, long from, AtRestCipher? cipher, Action<LogEntry> found, Action<long, string> damaged,
        CancellationToken cancellationToken)
    {
        long length = file.Length;
        var reader = new SegmentReader(file, segment, from, length, cipher);
        var entries = new List<LoggedEntry>();
        bool isLost = from == 0;
        while (reader.Offset < length)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long offset = reader.Offset;
            string? problem = isLost ? "" : reader.TryReadGroup(entries, out _);
            if (problem is null)
            {
                foreach (LoggedEntry entry in entries) found(entry.Entry);
                continue;
            }
            if (!isLost) damaged(offset, problem);
            isLost = false;
            if (FindGroup(file, segment, offset + 1, length) is not { } next) return;
            reader.MoveTo(next);
        }
    }

    private static long? FindGroup(IDiskFile file, SegmentName segment, long from, long length)
    {
        byte[] rest = new byte[Math.Max(0, length - from)];
        ReadOnlySpan<byte> bytes = rest.AsSpan(0, file.Read(rest, from));
        for (int at = 0; bytes[at..].IndexOf(GroupFormat.Magic) is >= 0 and var found; at += found + 1)
        {
            int candidate = at + found - GroupFormat.MagicOffset;
            if (candidate >= 0
                && GroupFormat.TryReadHeader(bytes[candidate..], segment.BasePosition + from + candidate, out _)) return from + candidate;
        }
        return null;
    }
}
