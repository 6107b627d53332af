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

    /// <summary>The runs that follow a head in the log that is held, up to a sequence: with their own heads they prove what
    /// does not go on from there. None where a snapshot stands for them.</summary>
    public static List<AsideMessage> RunsBehind(Replica replica, ChainHead head, long upTo)
    {
        var runs = new List<AsideMessage>();
        var batches = new List<ReadOnlyMemory<byte>>();
        ChainHead before = head;
        LogPosition end = replica.Writer.PublishedEnd;
        foreach (LoggedEntry logged in replica.Store.ReadLog(replica.Store.FindStart(head.Author, head.Sequence + 1)))
        {
            if (logged.Next > end || before.Sequence >= upTo) break;
            LogEntry entry = logged.Entry;
            if (entry.Author != head.Author || entry.LastSequence <= before.Sequence || replica.Writer.Fences.IsVoid(entry)) continue;
            if (entry.Kind == LogEntryKind.Batch)
            {
                if (batches.Count == 0 && entry.FirstSequence != before.Sequence + 1) break;
                batches.Add(entry.Payload);
            }
            else if (entry.Kind == LogEntryKind.Head && batches.Count > 0)
            {
                var run = new BatchRun(head.Author, before.Sequence + 1, batches, entry.LastSequence, entry.Payload);
                runs.Add(new AsideMessage(run, before.Hash));
                (before, batches) = (HeadOf(run), []);
            }
        }
        return runs;
    }

    /// <summary>The fork that a run proves by itself: it goes on from where the log that is held stood once, and otherwise
    /// than that does, or past its author's fence.</summary>
    /// <param name="replica">What is held.</param>
    /// <param name="aside">The run.</param>
    /// <param name="isSameLog">Whether it goes on from there as the log that is held, as far as that goes.</param>
    public static ForkReport? FindFork(Replica replica, AsideMessage aside, out bool isSameLog)
    {
        BatchRun run = aside.Run;
        isSameLog = false;
        var common = new ChainHead(run.Author, 0, AuthorTable.ChainStart(run.Author));
        ChainHead last = common;
        byte[] hash = AuthorTable.ChainStart(run.Author);
        long applied = 0;
        int compared = run.FirstSequence == 1 ? CheckStart(hash) : -1;
        bool goesOnAlike = true;
        LogPosition end = replica.Writer.PublishedEnd;
        foreach (LoggedEntry logged in replica.Store.ReadLog(replica.Store.FindStart(run.Author, 1)))
        {
            if (logged.Next > end) break;
            LogEntry entry = logged.Entry;
            if (entry.Author != run.Author || replica.Writer.Fences.IsVoid(entry)) continue;
            if (entry.Kind == LogEntryKind.Head)
            {
                last = new ChainHead(run.Author, entry.LastSequence, entry.Payload[..AuthorTable.HashLengthBytes])
                {
                    Signature = AuthorTable.SignatureOf(entry.Payload),
                };
                if (entry.LastSequence < run.FirstSequence) common = last;
                // The log before it may have been dropped.
                if (entry.LastSequence == run.FirstSequence - 1) compared = CheckStart(last.Hash.Span);
                (hash, applied) = (last.Hash.ToArray(), entry.LastSequence);
            }
            if (entry.Kind != LogEntryKind.Batch) continue;
            if (compared >= 0 && compared < run.Batches.Count)
                goesOnAlike &= run.Batches[compared++].Span.SequenceEqual(entry.Payload.Span);
            hash = AuthorTable.ChainNext(hash, entry.Payload.Span);
            applied = entry.LastSequence;
            if (applied == run.FirstSequence - 1) compared = CheckStart(hash);
        }
        if (compared <= 0) return null;
        // A run that leads past a fence cannot be cut: its author is fenced again, further back.
        bool isPastFence = replica.Writer.Fences.Table.Of(run.Author) is { } fence
            && run.FirstSequence <= fence.Sequence && run.LastSequence > fence.Sequence;
        isSameLog = goesOnAlike && !isPastFence;
        return isSameLog ? null : ForkReport.Of(common, last, HeadOf(run));

        int CheckStart(ReadOnlySpan<byte> held) => held.SequenceEqual(aside.Before.Span) ? 0 : -1;
    }

    private static ChainHead HeadOf(BatchRun run) => new(run.Author, run.LastSequence, run.Head[..AuthorTable.HashLengthBytes])
    {
        Signature = AuthorTable.SignatureOf(run.Head),
    };

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
