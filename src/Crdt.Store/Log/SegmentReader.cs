using Crdt.Store.AtRest;
using Crdt.Store.Disk;

namespace Crdt.Store.Log;

/// <summary>Reads a segment group by group, verifying each before any of its entries is handed out.</summary>
internal sealed class SegmentReader
{
    // Below the large object heap's threshold. Entries point into the chunk, which lives as long as one of them does:
    // no copy, and no rule about how long a payload may be used.
    private const int ChunkLengthBytes = 64 << 10;

    private readonly IDiskFile file;
    private readonly SegmentName segment;
    private readonly AtRestCipher? cipher;
    private readonly long end;

    private byte[] chunk = [];
    private int chunkStart;
    private int chunkEnd;
    private long offset;

    /// <summary>Creates a reader.</summary>
    /// <param name="file">The segment; not owned.</param>
    /// <param name="segment">Its name.</param>
    /// <param name="offset">Offset in the file of the first group to read.</param>
    /// <param name="end">Offset in the file at which to stop.</param>
    /// <param name="cipher">The key; null where nothing is encrypted.</param>
    public SegmentReader(IDiskFile file, SegmentName segment, long offset, long end, AtRestCipher? cipher)
    {
        this.file = file;
        this.segment = segment;
        this.cipher = cipher;
        this.offset = offset;
        this.end = end;
    }

    /// <summary>Offset in the file of the group that is read next.</summary>
    public long Offset => offset;

    /// <summary>Reads a group.</summary>
    /// <param name="entries">Takes its entries.</param>
    /// <param name="header">What it says about itself.</param>
    /// <returns>Null when the group is intact; else what is wrong with it.</returns>
    /// <remarks>Not to be called at the end.</remarks>
    public string? TryReadGroup(List<LoggedEntry> entries, out GroupHeader header)
    {
        entries.Clear();
        long position = segment.BasePosition + offset;
        if (!TryReadHeader(out header))
            return "no intact group begins here";
        int length = GroupFormat.HeaderLengthBytes + header.BodyLength;
        if (length > end - offset)
            return $"the group says that it has {length} bytes, of which {end - offset} are there";
        Fill(length);
        if (chunkEnd - chunkStart < length)
            return "the file ends within the group";

        if (cipher is not null && !GroupFormat.TryOpen(chunk.AsSpan(chunkStart, length), position, cipher))
        {
            // Opening it in vain has wiped it.
            MoveTo(offset);
            return "the group's seal is broken";
        }
        int start = GroupFormat.RecordsStart(cipher);
        ReadOnlyMemory<byte> body = chunk.AsMemory(chunkStart + start, length - start);
        long recordPosition = position + start;
        for (int i = 0; i < header.Count; i++)
        {
            if (!GroupFormat.TryReadRecord(body, recordPosition, out LogEntry entry, out int recordLength))
                return $"checksum of record {i + 1} of {header.Count} is wrong";
            body = body[recordLength..];
            recordPosition += recordLength;
            entries.Add(new LoggedEntry(entry, new LogPosition(recordPosition)));
        }
        if (!body.IsEmpty)
            return $"the group has {body.Length} bytes more than its records";

        chunkStart += length;
        offset += length;
        return null;
    }

    /// <summary>Goes back to an earlier or later group.</summary>
    public void MoveTo(long groupOffset)
    {
        offset = groupOffset;
        chunkStart = chunkEnd = 0;
    }

    /// <summary>Whether an intact group begins at the current offset.</summary>
    public bool IsAtGroup() => TryReadHeader(out _);

    /// <summary>Passes over groups, by their headers alone, up to the one that holds an offset.</summary>
    /// <returns>False if one of the headers is damaged; the offset is then there.</returns>
    public bool TrySkipTo(long wanted)
    {
        while (TryReadHeader(out GroupHeader header))
        {
            long next = offset + GroupFormat.HeaderLengthBytes + header.BodyLength;
            if (next > wanted)
                return true;
            chunkStart = (int)Math.Min(chunkStart + (next - offset), chunkEnd);
            offset = next;
            if (offset >= end)
                return true;
        }
        return false;
    }

    private bool TryReadHeader(out GroupHeader header)
    {
        Fill(GroupFormat.HeaderLengthBytes);
        return GroupFormat.TryReadHeader(
            chunk.AsSpan(chunkStart, chunkEnd - chunkStart), segment.BasePosition + offset, out header);
    }

    private void Fill(int length)
    {
        int buffered = chunkEnd - chunkStart;
        if (buffered >= length)
            return;

        long available = Math.Min(Math.Max(length, ChunkLengthBytes), end - offset);
        byte[] next = GC.AllocateUninitializedArray<byte>((int)available);
        chunk.AsSpan(chunkStart, buffered).CopyTo(next);
        int count = file.Read(next.AsSpan(buffered), offset + buffered);
        chunk = next;
        chunkStart = 0;
        chunkEnd = buffered + count;
    }
}
