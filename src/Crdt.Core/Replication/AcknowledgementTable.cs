namespace Crdt;

/// <summary>Who is known to hold what. Safe for concurrent use.</summary>
internal sealed class AcknowledgementTable
{
    /// <summary>Marks kept of one author: behind that, older ones are thinned out, and what they stood for counts as
    /// synced at the next mark that is left.</summary>
    internal const int MarksMax = 128;

    /// <summary>Replicas whose statements are kept: beyond any number of servers, far below what would hurt.</summary>
    internal const int MakersMax = 4_096;

    private readonly Lock gate = new();
    private readonly SortedDictionary<ReplicaId, Acknowledgement> newest = [];
    private readonly Dictionary<ReplicaId, List<(long Sequence, DateTimeOffset Time)>> synced = [];

    // What statements that others took the place of were found to say of the logs that are held here; made anew at each opening.
    private readonly Dictionary<(ReplicaId Maker, ReplicaId Author), long> retained = [];
    private FenceCaps caps = FenceCaps.None;
    private Func<ReplicaId, bool> isRevoked = static _ => false;
    private bool hasRevoked;
    private long version;

    /// <summary>Grows with every news, so that nobody has to look for it in vain.</summary>
    public long Version => Volatile.Read(ref version);

    /// <summary>What of a statement is news: a statement of the difference, or of the whole where that does not cover what
    /// was known, because its maker has met a fence since; <see langword="null"/> when nothing is.</summary>
    /// <remarks>A signed statement is taken as a whole or not at all, an unsigned one adds to what is known.</remarks>
    public Acknowledgement? NewsOf(Acknowledgement statement)
    {
        lock (gate)
        {
            if (newest.Count >= MakersMax && !newest.ContainsKey(statement.By)) return null;
            VersionVector known = HeldOf(statement.By);
            if (!statement.Signature.IsEmpty)
            {
                if (!caps.IsNews(statement.Held, known)) return null;
                return statement.Held.Covers(known) ? statement.Of(statement.Holding.Since(HoldingOf(statement.By)))
                    : statement with { IsWhole = true };
            }
            statement = statement with { Held = caps.Cap(statement.Held) };
            return known.Covers(statement.Held) ? null
                : statement with { Held = VersionVector.From(statement.Held.Where(d => !known.Covers(d))) };
        }
    }

    /// <summary>Whether a signed statement says more than what is known of its maker.</summary>
    public bool IsNews(ReplicaId maker, VersionVector held)
    {
        lock (gate) return caps.IsNews(held, HeldOf(maker));
    }

    /// <summary>Takes note of a statement, once it is in the log.</summary>
    /// <param name="statement">The statement, or the difference to the one before.</param>
    /// <param name="authors">How far each author's log was applied by now.</param>
    public void Merge(Acknowledgement statement, AuthorTable? authors = null)
    {
        lock (gate)
        {
            // What stands in the log was judged when it was written, and a difference cannot be judged again.
            if (newest.Count >= MakersMax && !newest.ContainsKey(statement.By)) return;
            // One of an earlier format, which nobody believes any more.
            if (!statement.Signature.IsEmpty && !statement.Holding.IsTagged) return;
            Holding before = HoldingOf(statement.By);
            VersionVector known = before.Held;
            if (!statement.IsWhole && known.Covers(statement.Held)) return;
            Acknowledgement news = statement with { Held = VersionVector.From(statement.Held.Where(d => !known.Covers(d))) };
            Retain(statement, before, authors);
            newest[statement.By] = statement.Of(statement.IsWhole ? statement.Holding
                : new Holding(known.Merge(statement.Held), before.Tags.With(statement.Tags))) with
            { IsWhole = false };
            if (statement.Role != ReplicaRole.Client && !isRevoked(statement.By)) NoteSynced(news);
            version++;
        }
    }

    /// <summary>The newest statement of each replica, in order of their ids.</summary>
    public Acknowledgement[] Newest()
    {
        lock (gate) return [.. newest.Values];
    }

    /// <summary>The newest statement of one replica; <see langword="null"/> when there is none.</summary>
    public Acknowledgement? Find(ReplicaId replica)
    {
        lock (gate) return newest.GetValueOrDefault(replica);
    }

    /// <summary>What a replica is known to hold of what counts.</summary>
    public VersionVector HeldBy(ReplicaId replica)
    {
        lock (gate) return caps.Cap(HeldOf(replica));
    }

    /// <summary>How much a replica is known to hold of the log that leads to a head which is held here.</summary>
    /// <remarks>Of a head that is behind the own one the word about its sequence is taken: either way what follows it is missing. Of
    /// one that is ahead nothing is known before the own log leads there, but what was known before.</remarks>
    public long HeldBy(ReplicaId replica, in ChainHead head, long applied)
    {
        lock (gate)
        {
            if (!newest.TryGetValue(replica, out Acknowledgement? statement)) return 0;
            long held = Math.Min(statement.Held[head.Author], caps.EndOf(head.Author));
            if (statement.Signature.IsEmpty || held < applied || IsOf(statement.Holding, head)) return held;
            return Math.Min(held, retained.GetValueOrDefault((replica, head.Author)));
        }
    }

    /// <summary>Up to which sequence of an author some server-role replica is known to hold everything.</summary>
    public long SyncedTo(ReplicaId author)
    {
        lock (gate) return synced.TryGetValue(author, out var marks) ? marks[^1].Sequence : 0;
    }

    /// <summary>When the mutation was first known to be held in the server role; <see langword="null"/> while not.</summary>
    public DateTimeOffset? SyncedAt(Dot dot)
    {
        lock (gate)
        {
            if (!synced.TryGetValue(dot.Replica, out var marks)) return null;
            int low = 0, high = marks.Count;
            while (low < high)
            {
                int middle = (low + high) >>> 1;
                if (marks[middle].Sequence < dot.Sequence) low = middle + 1;
                else high = middle;
            }
            return low < marks.Count ? marks[low].Time : null;
        }
    }

    /// <summary>How many other replicas are known to hold the mutation durably.</summary>
    public int HeldBy(Dot dot)
    {
        lock (gate) return newest.Values.Count(a => a.By != dot.Replica && a.Held.Covers(dot));
    }

    /// <summary>From now on nothing of fenced authors counts beyond their fences: who holds that holds what means nothing. Nor does the
    /// word of a server that is not trusted any more make anything synced. What is signed stays as it was signed, so that it can be passed
    /// on.</summary>
    public void Cap(FenceCaps fences, Func<ReplicaId, bool> revoked)
    {
        lock (gate)
        {
            (caps, isRevoked) = (fences, revoked);
            foreach (Acknowledgement statement in newest.Values.Where(s => s.Signature.IsEmpty).ToArray())
                newest[statement.By] = statement with { Held = fences.Cap(statement.Held) };
            foreach ((ReplicaId author, long sequence) in fences.Ends) CapSynced(author, sequence);
            CapRevoked();
        }
    }

    /// <summary>Of what is synced leaves what somebody says who is trusted.</summary>
    private void CapRevoked()
    {
        Acknowledgement[] servers = [.. newest.Values.Where(static s => s.Role != ReplicaRole.Client)];
        Acknowledgement[] trusted = [.. servers.Where(s => !isRevoked(s.By))];
        bool had = hasRevoked;
        hasRevoked = trusted.Length < servers.Length;
        if (!had && !hasRevoked) return;
        foreach (ReplicaId author in synced.Keys.ToArray()) CapSynced(author, trusted.Select(s => s.Held[author]).DefaultIfEmpty().Max());
        // Where a revocation turned out to count no more.
        foreach (Acknowledgement statement in trusted) NoteSynced(statement);
    }

    private void CapSynced(ReplicaId author, long sequence)
    {
        if (!synced.TryGetValue(author, out var marks)) return;
        int kept = marks.FindIndex(m => m.Sequence > sequence);
        if (kept < 0) return;
        DateTimeOffset time = marks[kept].Time;
        marks.RemoveRange(kept, marks.Count - kept);
        if (sequence > (kept == 0 ? 0 : marks[^1].Sequence)) marks.Add((sequence, time));
        if (marks.Count == 0) synced.Remove(author);
    }

    /// <summary>Everything, to be put back by the restoring methods.</summary>
    public (Acknowledgement[] Newest, (ReplicaId Author, (long Sequence, DateTimeOffset Time)[] Marks)[] Synced) Export()
    {
        lock (gate) return ([.. newest.Values], [.. synced.OrderBy(s => s.Key).Select(s => (s.Key, s.Value.ToArray()))]);
    }

    public void Restore(Acknowledgement statement)
    {
        if (!statement.Signature.IsEmpty && !statement.Holding.IsTagged) return;
        lock (gate) newest[statement.By] = statement;
    }

    /// <summary>What this replica says of itself has changed otherwise than by what arrived.</summary>
    public void Touch()
    {
        lock (gate) version++;
    }

    public void Restore(ReplicaId author, long sequence, DateTimeOffset time)
    {
        lock (gate)
        {
            if (!synced.TryGetValue(author, out var marks)) synced[author] = marks = [];
            marks.Add((sequence, time));
        }
    }

    private VersionVector HeldOf(ReplicaId replica) => HoldingOf(replica).Held;

    private Holding HoldingOf(ReplicaId replica) =>
        newest.TryGetValue(replica, out Acknowledgement? statement) ? statement.Holding : Holding.None;

    /// <summary>Of a statement that another one takes the place of, remembers what was found to be of the log that is held.</summary>
    private void Retain(Acknowledgement next, Holding before, AuthorTable? authors)
    {
        if (before.Tags.Count == 0 || authors is null) return;
        foreach (Dot dot in before.Held)
        {
            // What its maker has met a fence for it holds no more.
            if (next.IsWhole) retained.Remove((next.By, dot.Replica));
            else if (next.Held[dot.Replica] > dot.Sequence && authors.Ids.TryGetIndex(dot.Replica, out int author)
                && IsOf(before, authors[author].ToHead(dot.Replica))) retained[(next.By, dot.Replica)] = dot.Sequence;
        }
    }

    private static bool IsOf(Holding held, in ChainHead head) =>
        held.Held[head.Author] == head.Sequence && held.Tags[head.Author] == ChainTags.TagOf(head.Hash.Span);

    private void NoteSynced(Acknowledgement news)
    {
        foreach (Dot dot in news.Held)
        {
            long sequence = Math.Min(dot.Sequence, caps.EndOf(dot.Replica));
            if (sequence == 0) continue;
            if (!synced.TryGetValue(dot.Replica, out var marks)) synced[dot.Replica] = marks = [];
            if (marks.Count > 0 && marks[^1].Sequence >= sequence) continue;
            marks.Add((sequence, news.Time));
            if (marks.Count > MarksMax) Thin(marks);
        }
    }

    /// <summary>Drops every second mark of the older half.</summary>
    private static void Thin(List<(long Sequence, DateTimeOffset Time)> marks)
    {
        int kept = 0;
        for (int i = 0; i < marks.Count; i++)
        {
            if (i >= marks.Count / 2 || i % 2 == 1) marks[kept++] = marks[i];
        }
        marks.RemoveRange(kept, marks.Count - kept);
    }
}
