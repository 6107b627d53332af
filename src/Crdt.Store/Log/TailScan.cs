using Crdt.Store.AtRest;
using Crdt.Store.Disk;

namespace Crdt.Store.Log;

/// <summary>Finds where the last segment ends, and tells an unfinished write at the end from damage.</summary>
internal static class TailScan
{
    /// <summary>Returns the offset behind the last intact group.</summary>
    /// <param name="file">The log's last segment.</param>
    /// <param name="segment">Its name.</param>
    /// <param name="start">Offset of its first group.</param>
    /// <param name="cipher">The key; null where nothing is encrypted.</param>
    /// <param name="isSealed">Whether the last intact group is a seal: there is nothing more to prove.</param>
    /// <param name="found">Called for each intact entry, in order.</param>
    /// <exception cref="StoreException">What follows the last intact group had been durable.</exception>
    public static long FindEnd(
        IDiskFile file, SegmentName segment, long start, AtRestCipher? cipher, out bool isSealed, Action<LogEntry> found)
    {
        isSealed = false;
        long length = file.Length;
        var reader = new SegmentReader(file, segment, start, length, cipher);
        var entries = new List<LoggedEntry>();
        while (reader.Offset < length)
        {
            if (reader.TryReadGroup(entries, out GroupHeader header) is string wrong)
            {
                if (FindProof(file, segment, reader.Offset, length) is long proof)
                {
                    throw segment.Damaged(
                        reader.Offset, $"{wrong}, and by the group at offset {proof} it had been durable");
                }
                break;
            }
            isSealed = header.Count == 0;
            foreach (LoggedEntry entry in entries)
                found(entry.Entry);
        }
        return reader.Offset;
    }

    /// <summary>The offset of a group that proves that what stands at another had been durable; null if there is none.</summary>
    /// <remarks>A group written after the suspect place was durable. Groups of the same unfinished burst prove nothing: a
    /// power cut may keep the later pages of one write and lose the earlier ones.</remarks>
    public static long? FindProof(IDiskFile file, SegmentName segment, long suspect, long length)
    {
        byte[] rest = new byte[length - suspect];
        ReadOnlySpan<byte> bytes = rest.AsSpan(0, file.Read(rest, suspect));
        int from = 0;
        while (true)
        {
            int found = bytes[from..].IndexOf(GroupFormat.Magic);
            if (found < 0)
                return null;
            int candidate = from + found - GroupFormat.MagicOffset;
            from += found + 1;
            if (candidate <= 0)
                continue;
            long position = segment.BasePosition + suspect + candidate;
            if (GroupFormat.TryReadHeader(bytes[candidate..], position, out GroupHeader header)
                && header.DurableEnd > segment.BasePosition + suspect)
            {
                return suspect + candidate;
            }
        }
    }
}
