namespace Crdt;

/// <summary>The heads of one author's chain, as a replica's log holds them.</summary>
internal static class ChainHeads
{
    // So many of the newest are told one by one: two logs that were one not long ago part among them.
    private const int NewestCount = 256;

    /// <summary>All that count, in order. Reads the author's part of the log: for the rare case that its logs differ.</summary>
    public static List<ChainHead> Read(Replica replica, ReplicaId author)
    {
        var heads = new List<ChainHead>();
        LogPosition end = replica.Writer.PublishedEnd;
        foreach (LoggedEntry logged in replica.Store.ReadLog(replica.Store.FindStart(author, 1)))
        {
            if (logged.Next > end) break;
            LogEntry entry = logged.Entry;
            if (entry.Kind != LogEntryKind.Head || entry.Author != author || replica.Writer.Fences.IsVoid(entry)) continue;
            heads.Add(new ChainHead(author, entry.LastSequence, entry.Payload[..AuthorTable.HashLengthBytes])
            {
                Signature = AuthorTable.SignatureOf(entry.Payload),
            });
        }
        return heads;
    }

    /// <summary>Enough of them to find where two logs part, in bounded space.</summary>
    public static IReadOnlyList<ChainHead> Thin(List<ChainHead> heads)
    {
        if (heads.Count <= ChainMessage.HeadsMax) return heads;
        var thin = new List<ChainHead>();
        int step = 1;
        for (int i = heads.Count - 1; i >= 0 && thin.Count < ChainMessage.HeadsMax; i -= step)
        {
            thin.Add(heads[i]);
            if (thin.Count > NewestCount && thin.Count % 8 == 0) step *= 2;
        }
        thin.Reverse();
        return thin;
    }

    /// <summary>The last head that stands in both; sequence 0 when none does.</summary>
    public static ChainHead Common(ReplicaId author, List<ChainHead> own, IReadOnlyList<ChainHead> theirs)
    {
        var bySequence = theirs.ToDictionary(h => h.Sequence);
        for (int i = own.Count - 1; i >= 0; i--)
        {
            if (bySequence.TryGetValue(own[i].Sequence, out ChainHead other) && other.Hash.Span.SequenceEqual(own[i].Hash.Span))
                return own[i];
        }
        return new ChainHead(author, 0, AuthorTable.ChainStart(author));
    }

    /// <summary>Whether two logs of the author are proved by the report, alone or together with what is held here, and
    /// parted where it says.</summary>
    public static bool Contradicts(Replica replica, ForkReport report)
    {
        ReplicaId author = report.Author;
        var chain = new Dictionary<long, byte[]> { [0] = AuthorTable.ChainStart(author) };
        var heads = new HashSet<long> { 0 };
        byte[] hash = chain[0];
        long applied = 0;
        LogPosition end = replica.Writer.PublishedEnd;
        foreach (LoggedEntry logged in replica.Store.ReadLog(replica.Store.FindStart(author, 1)))
        {
            if (logged.Next > end) break;
            LogEntry entry = logged.Entry;
            if (entry.Author != author || replica.Writer.Fences.IsVoid(entry)) continue;
            if (entry.Kind == LogEntryKind.Head) heads.Add(entry.LastSequence);
            if (entry.Kind != LogEntryKind.Batch) continue;
            hash = AuthorTable.ChainNext(hash, entry.Payload.Span);
            chain[applied = entry.LastSequence] = hash;
        }
        bool isCommonHere = report.Common.Sequence > applied
            || (heads.Contains(report.Common.Sequence) && IsOn(report.Common));
        // Whoever holds a log without the head at which it was fenced cannot follow: it is fenced again, further back.
        bool isPastFence = replica.Writer.Fences.Table.Of(author) is { } fence && (IsAt(report.One, fence) || IsAt(report.Other, fence));
        // Where nothing is signed, the word of whoever compared both logs is all there is.
        bool isTold = !replica.IsKeyed && (IsOn(report.One) || IsOn(report.Other));
        return isCommonHere && (report.IsPlain || isPastFence || isTold || IsOff(report.One) || IsOff(report.Other));

        static bool IsAt(in ChainHead head, Fence fence) =>
            head.Sequence == fence.Sequence && head.Hash.Span.SequenceEqual(fence.Head.Hash.Span);

        bool IsOn(in ChainHead head) =>
            chain.TryGetValue(head.Sequence, out byte[]? held) && held.AsSpan().SequenceEqual(head.Hash.Span);

        bool IsOff(in ChainHead head) => head.Sequence <= applied && !IsOn(head);
    }
}
