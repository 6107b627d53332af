namespace Crdt.Store.Postgres;

/// <summary>The last entries of a log, so that who follows it closely asks no database. One writer; readers at any time.</summary>
internal sealed class LogTailCache
{
    private const int EntriesMax = 8_192;
    private const long LengthBytesMax = 16 << 20;

    private readonly Lock gate = new();
    private readonly LogEntry[] ring = new LogEntry[EntriesMax];
    private long start, end, lengthBytes;

    /// <summary>Begins at a place, with nothing.</summary>
    public void Begin(long at)
    {
        lock (gate) (start, end) = (at, at);
    }

    /// <summary>Takes what was appended.</summary>
    public void Add(ReadOnlySpan<LogEntry> entries)
    {
        lock (gate)
        {
            foreach (LogEntry entry in entries)
            {
                if (end - start == EntriesMax) Drop();
                ring[end++ % EntriesMax] = entry;
                lengthBytes += entry.Payload.Length;
            }
            while (lengthBytes > LengthBytesMax) Drop();
        }
    }

    /// <summary>Reads some entries from a place on; none where they are not held.</summary>
    public List<LogEntry> Read(long from, long to, int most)
    {
        var found = new List<LogEntry>();
        lock (gate)
        {
            if (from < start) return found;
            for (long at = from; at < Math.Min(to, end) && found.Count < most; at++) found.Add(ring[at % EntriesMax]);
        }
        return found;
    }

    private void Drop()
    {
        lengthBytes -= ring[start % EntriesMax].Payload.Length;
        ring[start++ % EntriesMax] = default;
    }
}
