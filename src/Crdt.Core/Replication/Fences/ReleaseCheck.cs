namespace Crdt;

/// <summary>Whether a log holds what the record outside says was released from it.</summary>
internal static class ReleaseCheck
{
    public static bool Contains(IReplicaStore store, ReplicaWriter writer, ChainHead? record)
    {
        ReplicaId self = writer.Identity.Replica;
        AuthorTable.AuthorState own = writer.Authors[0];
        // Nothing was recorded here: whoever has written nothing cannot use a dot twice.
        if (record is not { } head) return own.Applied == 0;
        // The id was given up, and recording the new one was interrupted: nothing was written under it before.
        if (head.Author != self) return own.Applied == 0 && writer.Fences.FormerIds.Contains(head.Author);
        if (head.Sequence == 0) return true;
        if (head.Sequence >= own.HeadSequence)
            return head.Sequence == own.HeadSequence && head.Hash.Span.SequenceEqual(own.Head);
        foreach (LoggedEntry logged in store.ReadLog(store.FindStart(self, head.Sequence)))
        {
            LogEntry entry = logged.Entry;
            if (entry.Author != self || entry.LastSequence < head.Sequence) continue;
            if (entry.Kind == LogEntryKind.Head && entry.LastSequence == head.Sequence)
                return entry.Payload.Span[..AuthorTable.HashLengthBytes].SequenceEqual(head.Hash.Span);
            // The log was pruned up to behind it: then a snapshot vouches for it.
            if (entry.Kind == LogEntryKind.Batch && entry.FirstSequence > head.Sequence) return entry.FirstSequence > head.Sequence + 1;
        }
        return true;
    }
}
