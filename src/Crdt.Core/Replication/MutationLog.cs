namespace Crdt;

/// <summary>Reads a log as mutations.</summary>
internal static class MutationLog
{
    /// <summary>The mutations from a position on up to an end, lazily; or only one of them.</summary>
    /// <remarks>Without what fences have cut off.</remarks>
    public static IEnumerable<Mutation> Read(
        IReplicaStore store, FenceKeeper fences, LogPosition from, LogPosition end, Dot? only = null)
    {
        var reader = new BatchReader();
        var columns = new BatchColumns();
        foreach (LoggedEntry logged in store.ReadLog(from))
        {
            if (logged.Next > end) yield break;
            LogEntry entry = logged.Entry;
            if (entry.Kind != LogEntryKind.Batch || fences.IsVoid(entry)) continue;
            if (only is { } dot && (entry.Author != dot.Replica || entry.LastSequence < dot.Sequence
                || entry.FirstSequence > dot.Sequence)) continue;
            reader.Read(entry.Payload, entry.Author, entry.FirstSequence, columns);
            if (only is { } one)
            {
                yield return columns.ToMutation((int)(one.Sequence - entry.FirstSequence), entry.Author, entry.FirstSequence);
                yield break;
            }
            for (int m = 0; m < columns.MutationCount; m++)
                yield return columns.ToMutation(m, entry.Author, entry.FirstSequence);
        }
    }
}
