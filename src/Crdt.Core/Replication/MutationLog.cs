namespace Crdt;

/// <summary>Reads single mutations of a log.</summary>
internal static class MutationLog
{
    /// <summary>A mutation that stands between two positions; <see langword="null"/> when it does not, or was cut off by a
    /// fence.</summary>
    public static Mutation? Find(IReplicaStore store, FenceKeeper fences, LogPosition from, LogPosition end, Dot dot)
    {
        foreach (LoggedEntry logged in store.ReadLog(from))
        {
            if (logged.Next > end) return null;
            LogEntry entry = logged.Entry;
            if (entry.Kind != LogEntryKind.Batch || entry.Author != dot.Replica || entry.LastSequence < dot.Sequence
                || entry.FirstSequence > dot.Sequence || fences.IsVoid(entry)) continue;
            var columns = new BatchColumns();
            new BatchReader().Read(entry.Payload, entry.Author, entry.FirstSequence, columns);
            return columns.ToMutation((int)(dot.Sequence - entry.FirstSequence), entry.Author, entry.FirstSequence);
        }
        return null;
    }
}
