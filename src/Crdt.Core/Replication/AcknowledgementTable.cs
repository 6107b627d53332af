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
    private FenceCaps caps = FenceCaps.None;
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
                if (!statement.Held.Covers(known)) return statement with { IsWhole = true };
            }
            else
            {
                statement = statement with { Held = caps.Cap(statement.Held) };
                if (known.Covers(statement.Held)) return null;
            }
            return statement with { Held = VersionVector.From(statement.Held.Where(d => !known.Covers(d))) };
        }
    }

    /// <summary>Whether a signed statement says more than what is known of its maker.</summary>
    public bool IsNews(ReplicaId maker, VersionVector held)
    {
        lock (gate) return caps.IsNews(held, HeldOf(maker));
    }

    /// <summary>Takes note of a statement, once it is in the log.</summary>
    public void Merge(Acknowledgement statement)
    {
        lock (gate)
        {
            // What stands in the log was judged when it was written, and a difference cannot be judged again.
            if (newest.Count >= MakersMax && !newest.ContainsKey(statement.By)) return;
            VersionVector known = HeldOf(statement.By);
            if (!statement.IsWhole && known.Covers(statement.Held)) return;
            Acknowledgement news = statement with { Held = VersionVector.From(statement.Held.Where(d => !known.Covers(d))) };
            newest[statement.By] = statement with
            {
                Held = statement.IsWhole ? statement.Held : known.Merge(statement.Held),
                IsWhole = false,
            };
            if (statement.Role != ReplicaRole.Client) NoteSynced(news);
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

    /// <summary>From now on nothing of fenced authors counts beyond their fences: who holds that holds what means nothing.
    /// What is signed stays as it was signed, so that it can be passed on.</summary>
    public void Cap(FenceCaps fences)
    {
        lock (gate)
        {
            caps = fences;
            foreach (Acknowledgement statement in newest.Values.Where(s => s.Signature.IsEmpty).ToArray())
                newest[statement.By] = statement with { Held = fences.Cap(statement.Held) };
            foreach ((ReplicaId author, long sequence) in fences.Ends) CapSynced(author, sequence);
        }
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
        lock (gate) newest[statement.By] = statement;
    }

    public void Restore(ReplicaId author, long sequence, DateTimeOffset time)
    {
        lock (gate)
        {
            if (!synced.TryGetValue(author, out var marks)) synced[author] = marks = [];
            marks.Add((sequence, time));
        }
    }

    private VersionVector HeldOf(ReplicaId replica) =>
        newest.TryGetValue(replica, out Acknowledgement? statement) ? statement.Held : VersionVector.Empty;

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
