namespace Crdt;

/// <summary>The heads of one author's chain, as a replica's log holds them.</summary>
internal static class ChainHeads
{
    // So many of the newest are told one by one: two logs that were one not long ago part among them.
    private const int NewestCount = 256;

    /// <summary>A place in an author's chain.</summary>
    /// <param name="Before">The sequence of the place before it.</param>
    /// <param name="Head">The chain there.</param>
    /// <param name="Batch">The batch that leads there; of a run's end or a snapshot's head none.</param>
    private readonly record struct Place(long Before, ChainHead Head, ReadOnlyMemory<byte> Batch)
    {
        public bool IsHead => Batch.IsEmpty;

        /// <summary>Whether a snapshot stands for what leads there, so that nobody here knows the places between.</summary>
        public bool IsLeap => IsHead && Head.Sequence > Before;
    }

    /// <summary>An author's chain as the log tells it: where a snapshot stands for a part of it, it goes on behind that.</summary>
    private static IEnumerable<Place> Walk(Replica replica, ReplicaId author)
    {
        byte[] hash = AuthorTable.ChainStart(author);
        long applied = 0;
        LogPosition end = replica.Writer.PublishedEnd;
        if (replica.Store.LogStart > default(LogPosition) && replica.Writer.Snapshots.Basis is { } basis
            && HeadIn(replica.Writer.Snapshots.ReadManifest(basis)) is { } floor)
        {
            yield return new Place(0, floor, default);
            (hash, applied) = (floor.Hash.ToArray(), floor.Sequence);
        }
        foreach (LoggedEntry logged in replica.Store.ReadLog(replica.Store.FindStart(author, 1)))
        {
            if (logged.Next > end) break;
            LogEntry entry = logged.Entry;
            if (entry.Kind == LogEntryKind.Snapshot)
            {
                if (HeadIn(SnapshotManifest.Decode(entry.Payload)) is not { } joined || joined.Sequence <= applied
                    || replica.Writer.Fences.IsVoid(author, joined.Sequence)) continue;
                yield return new Place(applied, joined, default);
                (hash, applied) = (joined.Hash.ToArray(), joined.Sequence);
            }
            else if (entry.Author != author || entry.LastSequence < applied || replica.Writer.Fences.IsVoid(entry)) continue;
            else if (entry.Kind == LogEntryKind.Head)
            {
                ChainHead head = HeadAt(author, entry.LastSequence, entry.Payload);
                yield return new Place(applied, head, default);
                hash = head.Hash.ToArray();
            }
            else if (entry.Kind == LogEntryKind.Batch && entry.LastSequence > applied)
            {
                hash = AuthorTable.ChainNext(hash, entry.Payload.Span);
                yield return new Place(applied, new ChainHead(author, entry.LastSequence, hash), entry.Payload);
                applied = entry.LastSequence;
            }
        }

        ChainHead? HeadIn(SnapshotManifest manifest) => manifest.Heads.FirstOrDefault(h => h.Author == author) is { Sequence: > 0 } head
            ? HeadAt(author, head.Sequence, head.Head) : null;
    }

    private static ChainHead HeadAt(ReplicaId author, long sequence, ReadOnlyMemory<byte> head) =>
        new(author, sequence, head[..AuthorTable.HashLengthBytes]) { Signature = AuthorTable.SignatureOf(head) };

    /// <summary>All that count, in order. Reads the author's part of the log: for the rare case that its logs differ.</summary>
    public static List<ChainHead> Read(Replica replica, ReplicaId author) =>
        [.. Walk(replica, author).Where(static p => p.IsHead).Select(static p => p.Head)];

    /// <summary>Whose log, as it is held, stands otherwise at a head: the authors of whom there are two logs. What the log
    /// does not tell any more is passed over.</summary>
    /// <param name="store">Where the log is.</param>
    /// <param name="unwritten">What stands behind it already.</param>
    /// <param name="fences">What of it means nothing.</param>
    /// <param name="heads">Heads of another log, or the beginnings of their hashes; each within what is held.</param>
    /// <param name="untold">Those of which the log does not tell.</param>
    public static List<ReplicaId> FindOther(
        IReplicaStore store, IReadOnlyList<LogEntry> unwritten, FenceKeeper fences, IEnumerable<ChainHead> heads,
        out IReadOnlyCollection<ChainHead> untold)
    {
        var others = new List<ReplicaId>();
        Dictionary<ReplicaId, ChainHead> open = heads.ToDictionary(static h => h.Author);
        untold = open.Values;
        if (open.Count == 0) return others;
        LogPosition from = open.Values.Min(h => store.FindStart(h.Author, h.Sequence));
        Compare(from);
        // Its runs may be cut otherwise in a copy of the log, and so have no head there: then the batches tell.
        if (open.Count > 0 && from > store.LogStart) Compare(store.LogStart);
        return others;

        void Compare(LogPosition begin)
        {
            Dictionary<ReplicaId, byte[]> hashes = begin > default(LogPosition)
                ? [] : open.Keys.ToDictionary(static a => a, AuthorTable.ChainStart);
            foreach (LogEntry entry in store.ReadLog(begin).Select(static l => l.Entry).Concat(unwritten))
            {
                if (open.Count == 0) return;
                // Behind a snapshot another part of the chain begins.
                if (entry.Kind == LogEntryKind.Snapshot) hashes.Clear();
                if (entry.Kind is not (LogEntryKind.Batch or LogEntryKind.Head) || !open.TryGetValue(entry.Author, out ChainHead head)
                    || fences.IsVoid(entry)) continue;
                if (entry.Kind == LogEntryKind.Head) hashes[entry.Author] = entry.Payload[..AuthorTable.HashLengthBytes].ToArray();
                else if (hashes.TryGetValue(entry.Author, out byte[]? before))
                    hashes[entry.Author] = AuthorTable.ChainNext(before, entry.Payload.Span);
                bool isWithin = entry.Kind == LogEntryKind.Batch && entry.FirstSequence <= head.Sequence && entry.LastSequence > head.Sequence;
                if (!isWithin && (entry.LastSequence != head.Sequence || !hashes.TryGetValue(entry.Author, out _))) continue;
                if (isWithin || !hashes[entry.Author].AsSpan(0, head.Hash.Length).SequenceEqual(head.Hash.Span)) others.Add(entry.Author);
                open.Remove(entry.Author);
            }
        }
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
        int compared = run.FirstSequence == 1 ? CheckStart(common.Hash.Span) : -1;
        bool goesOnAlike = true;
        foreach (Place place in Walk(replica, run.Author))
        {
            if (place.IsLeap) compared = Math.Min(compared, 0);
            if (place.IsHead)
            {
                last = place.Head;
                if (last.Sequence < run.FirstSequence) common = last;
            }
            else if (compared >= 0 && compared < run.Batches.Count)
                goesOnAlike &= run.Batches[compared++].Span.SequenceEqual(place.Batch.Span);
            if (place.Head.Sequence == run.FirstSequence - 1) compared = CheckStart(place.Head.Hash.Span);
        }
        if (compared <= 0) return null;
        // A run that leads past a fence, and not through it, is of another log: its author is fenced again, further back.
        bool isPastFence = false;
        if (replica.Writer.Fences.Table.Of(run.Author) is { } fence && run.FirstSequence <= fence.Sequence && run.LastSequence > fence.Sequence)
        {
            if (goesOnAlike && AsideCodec.LeadsThrough(aside, fence.Head)) return null;
            isPastFence = true;
            // What is held may end where the run begins: then the other log is the one that the fence tells of.
            if (last.Sequence <= common.Sequence) last = fence.Head;
        }
        isSameLog = goesOnAlike && !isPastFence;
        return isSameLog || last.Sequence <= common.Sequence ? null : ForkReport.Of(common, last, HeadOf(run));

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
        var chain = new Dictionary<long, ReadOnlyMemory<byte>> { [0] = AuthorTable.ChainStart(author) };
        var heads = new HashSet<long> { 0 };
        var leaps = new List<Place>();
        long applied = 0;
        foreach (Place place in Walk(replica, author))
        {
            if (place.IsHead) heads.Add(place.Head.Sequence);
            if (place.IsLeap) leaps.Add(place);
            chain[applied = place.Head.Sequence] = place.Head.Hash;
        }
        bool isCommonHere = report.Common.Sequence > applied || IsUnknown(report.Common.Sequence)
            || (heads.Contains(report.Common.Sequence) && IsOn(report.Common));
        // Whoever holds a log without the head at which it was fenced cannot follow: it is fenced again, further back.
        bool isPastFence = replica.Writer.Fences.Table.Of(author) is { } fence && (IsAt(report.One, fence) || IsAt(report.Other, fence));
        // Where nothing is signed, the word of whoever compared both logs is all there is.
        bool isTold = !replica.IsKeyed && (IsOn(report.One) || IsOn(report.Other));
        return isCommonHere && (report.IsPlain || isPastFence || isTold || IsOff(report.One) || IsOff(report.Other));

        static bool IsAt(in ChainHead head, Fence fence) =>
            head.Sequence == fence.Sequence && head.Hash.Span.SequenceEqual(fence.Head.Hash.Span);

        bool IsOn(in ChainHead head) =>
            chain.TryGetValue(head.Sequence, out ReadOnlyMemory<byte> held) && held.Span.SequenceEqual(head.Hash.Span);

        bool IsOff(in ChainHead head) => head.Sequence <= applied && !IsOn(head)
            && (chain.ContainsKey(head.Sequence) || !IsUnknown(head.Sequence) || replica.Writer.Snapshots.FindOther([head], []).Any());

        bool IsUnknown(long sequence) => leaps.Exists(p => IsPassedOver(p, sequence));
    }

    /// <summary>Whether both heads of a report stand in the log that is held, as far as it tells, or the snapshots that stand for
    /// it: then there is one log, and it was cut into other runs.</summary>
    public static bool IsOneLog(Replica replica, ForkReport report)
    {
        bool hasOne = false, hasOther = false;
        foreach (Place place in Walk(replica, report.Author))
        {
            hasOne |= IsAt(place.Head, report.One);
            hasOther |= IsAt(place.Head, report.Other);
        }
        return (hasOne || replica.Writer.Snapshots.Tells(report.One)) && (hasOther || replica.Writer.Snapshots.Tells(report.Other));

        static bool IsAt(in ChainHead place, in ChainHead head) =>
            place.Sequence == head.Sequence && place.Hash.Span.SequenceEqual(head.Hash.Span);
    }

    /// <summary>Whether both heads of a report stand behind an author's fence, as what was cut off and is kept shows. A report
    /// tells the last head that two logs have in common, and a run of one of them may have had no end where the fence is.</summary>
    /// <param name="replica">What is held.</param>
    /// <param name="fence">The author's.</param>
    /// <param name="report">The report.</param>
    /// <param name="mayBeGone">Whether one of the heads may be of a log that is neither held nor kept here.</param>
    public static bool PartBehind(Replica replica, Fence fence, ForkReport report, bool mayBeGone)
    {
        var behind = new HashSet<string> { Convert.ToHexString(fence.Head.Hash.Span) };
        HashSet<string> elsewhere = [.. Walk(replica, fence.Replica).Select(static p => Convert.ToHexString(p.Head.Hash.Span))];
        foreach (SetAsideRun kept in replica.Writer.Fences.Asides.Where(a => a.Author == fence.Replica))
        {
            if (ReadAside(replica, kept) is not { } aside) continue;
            byte[] hash = aside.Before.ToArray();
            bool isBehind = behind.Contains(Convert.ToHexString(hash));
            foreach (ReadOnlyMemory<byte> batch in aside.Run.Batches)
            {
                hash = AuthorTable.ChainNext(hash, batch.Span);
                string reached = Convert.ToHexString(hash);
                isBehind |= behind.Contains(reached);
                (isBehind ? behind : elsewhere).Add(reached);
            }
        }
        string one = Convert.ToHexString(report.One.Hash.Span), other = Convert.ToHexString(report.Other.Hash.Span);
        bool isOne = behind.Contains(one), isOther = behind.Contains(other);
        return (isOne && isOther)
            || (mayBeGone && (isOne || isOther) && (isOne || !elsewhere.Contains(one)) && (isOther || !elsewhere.Contains(other)));
    }

    /// <summary>A run that is kept aside, as the log tells it.</summary>
    public static AsideMessage? ReadAside(Replica replica, SetAsideRun kept)
    {
        foreach (LogEntry entry in replica.Store.ReadLog(kept.Position).Select(static l => l.Entry))
        {
            if (entry.Kind != LogEntryKind.Aside || entry.Author != kept.Author) continue;
            (BatchRun run, ReadOnlyMemory<byte> before) = AsideCodec.Decode(entry);
            if (AsideCodec.IdOf(run) == kept.Id) return new AsideMessage(run, before);
        }
        return null;
    }

    /// <summary>Where a log that parts behind a head is to end: there, or where a snapshot stands for what follows that head,
    /// at the snapshot's own, because nothing before can be left out here.</summary>
    public static ChainHead EndFor(Replica replica, ChainHead common)
    {
        foreach (Place place in Walk(replica, common.Author))
        {
            if (place.IsLeap && IsPassedOver(place, common.Sequence)) return place.Head;
        }
        return common;
    }

    /// <summary>That there is nothing in common is what one says, too, who does not hold the beginning.</summary>
    private static bool IsPassedOver(in Place leap, long sequence) =>
        sequence < leap.Head.Sequence && (sequence > leap.Before || leap.Before == 0);
}
