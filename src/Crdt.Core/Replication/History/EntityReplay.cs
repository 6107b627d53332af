namespace Crdt;

/// <summary>Follows one entity through the log: the engine's own rules, beside the engine. Costs writers nothing, and a
/// reader the zones of the log that may be about the entity.</summary>
internal sealed class EntityReplay
{
    private readonly IReplicaStore store;
    private readonly ReplicaWriter writer;
    private readonly EntityKey key;
    private readonly LogPosition end;
    private readonly ReplicaTable replicas;
    private readonly long[] included;
    private readonly IReadOnlyList<ZoneSummary> zones;
    private readonly List<Snapshot> ahead;
    private readonly BatchReader reader = new();
    private readonly BatchColumns columns = new();
    private EntityState state;

    /// <param name="store">Where the log is.</param>
    /// <param name="writer">Whose.</param>
    /// <param name="index">Tells what the log's zones are about.</param>
    /// <param name="key">The entity.</param>
    public EntityReplay(IReplicaStore store, ReplicaWriter writer, MutationIndex index, EntityKey key)
    {
        (this.store, this.writer, this.key) = (store, writer, key);
        end = writer.PublishedEnd;
        zones = index.UpTo(end);
        ahead = [.. writer.Snapshots.Held];
        // Who is named in the log was applied, and so is in the table: it is only read here.
        replicas = writer.Authors.Ids;
        included = new long[replicas.Count];
        state = new EntityState(key);
    }

    /// <summary>The state after the last entry that was given out.</summary>
    public EntityState State => state;

    /// <summary>Which mutations to follow; all when <see langword="null"/>.</summary>
    public Func<Dot, HybridTimestamp, bool>? Includes { get; init; }

    /// <summary>Told of each snapshot that stands for something of the entity, before it is joined.</summary>
    public Action<Snapshot>? Joining { get; init; }

    /// <summary>Told of each mutation that no snapshot before it stands for, of whatever entity.</summary>
    public Action<Dot, HybridTimestamp>? Passing { get; init; }

    /// <summary>Zones that <see cref="Passing"/> has to be told of, beside those that may be about the entity; none when
    /// <see langword="null"/>.</summary>
    public Func<ZoneSummary, bool>? Needs { get; init; }

    /// <summary>What happened, in the order of the log.</summary>
    public IEnumerable<HistoryEntry> Run()
    {
        LogPosition at = store.LogStart;
        if (at > default(LogPosition) && writer.Snapshots.Basis is { } basis)
        {
            // Of those before it nothing is left to be read.
            ahead.RemoveAll(s => s.ManifestFrom < at && s.Number == basis.Number);
            if (Join(basis) is { } begun) yield return begun;
        }
        ulong name = ZoneSummary.NameOf(key);
        foreach (ZoneSummary zone in zones)
        {
            if (MustRead(zone, name))
            {
                foreach (HistoryEntry happened in Run(at, zone.To)) yield return happened;
            }
            else Include(zone);
            at = zone.To;
        }
        foreach (HistoryEntry happened in Run(at, end)) yield return happened;
    }

    private bool MustRead(ZoneSummary zone, ulong name) =>
        zone.MayHold(name)
        || ahead.Exists(s => s.ManifestFrom < zone.To)
        || Needs?.Invoke(zone) == true
        // What of its sequences counts, its entries have to tell.
        || zone.Authors.Any(a => writer.Fences.IsVoid(a.Author, a.Last));

    private void Include(ZoneSummary zone)
    {
        foreach ((ReplicaId replica, _, long last) in zone.Authors)
        {
            if (replicas.TryGetIndex(replica, out int author) && author < included.Length)
                included[author] = Math.Max(included[author], last);
        }
    }

    private IEnumerable<HistoryEntry> Run(LogPosition from, LogPosition to)
    {
        if (from >= to) yield break;
        foreach (LoggedEntry logged in store.ReadLog(from))
        {
            if (logged.Next > to) yield break;
            LogEntry entry = logged.Entry;
            if (entry.Kind == LogEntryKind.Snapshot && ahead.Find(s => s.Number == entry.LastSequence) is { } snapshot)
            {
                ahead.Remove(snapshot);
                if (Join(snapshot) is { } joined) yield return joined;
            }
            if (entry.Kind != LogEntryKind.Batch || writer.Fences.IsVoid(entry)
                || !replicas.TryGetIndex(entry.Author, out int author) || author >= included.Length
                || entry.LastSequence <= included[author]) continue;
            foreach (HistoryEntry happened in Read(entry, author)) yield return happened;
            included[author] = entry.LastSequence;
        }
    }

    private IEnumerable<HistoryEntry> Read(LogEntry entry, int author)
    {
        reader.Read(entry.Payload, entry.Author, entry.FirstSequence, columns);
        int entity = columns.Entities.IndexOf(key);
        if (entity < 0 && Passing is null) yield break;
        int[]? others = null;
        for (int m = 0; m < columns.MutationCount; m++)
        {
            var dot = new Dot(entry.Author, entry.FirstSequence + m);
            HybridTimestamp timestamp = columns.Mutations[m].Timestamp;
            Passing?.Invoke(dot, timestamp);
            if (columns.Mutations[m].Entity != entity || Includes?.Invoke(dot, timestamp) is false) continue;
            others ??= [.. Enumerable.Range(0, columns.Others.Count).Select(i => replicas.GetOrAdd(columns.Others[i]))];
            yield return Apply(columns.ToMutation(m, entry.Author, entry.FirstSequence), m, author, others);
        }
    }

    private HistoryEntry Apply(Mutation mutation, int row, int author, int[] others)
    {
        EntityState before = state;
        EntityState after = before.ToWorking(mutation.Changes.Count);
        ChangeApplier.Apply(after, columns, row, author, mutation.Dot.Sequence, others, replicas);
        after.Trim();
        state = after;
        var changes = new List<HistoryChange>(mutation.Changes.Count);
        foreach (Change change in mutation.Changes)
        {
            changes.Add(new HistoryChange(change.Path,
                Describe(after, change.Path, s => replicas.Resolve(s.Dot) == mutation.Dot) is [var written] ? written : null,
                Describe(before, change.Path, s => IsGone(after, s)), change.Marks));
        }
        return new HistoryEntry(mutation, null, changes);
    }

    /// <summary>What a snapshot brings that was not followed mutation by mutation.</summary>
    private HistoryEntry? Join(Snapshot snapshot)
    {
        long[] theirs = new long[included.Length];
        foreach (Dot dot in snapshot.Vector)
        {
            if (replicas.TryGetIndex(dot.Replica, out int author) && author < theirs.Length) theirs[author] = dot.Sequence;
        }
        if (Enumerable.Range(0, theirs.Length).All(i => theirs[i] <= included[i])) return null;
        var join = new SiblingJoin(included, theirs, replicas);
        EntityState? their = Find(snapshot);
        bool isNews = join.TryJoin(state.Slots, their is null ? default : their.Slots);
        EntityState before = state;
        if (isNews)
        {
            Joining?.Invoke(snapshot);
            EntityState after = new EntityState(key).ToWorking(join.Joined.Count);
            foreach (SiblingSlot slot in join.Joined) after.Append(slot);
            after.Trim();
            state = after;
        }
        for (int i = 0; i < theirs.Length; i++) included[i] = Math.Max(included[i], theirs[i]);
        return isNews ? new HistoryEntry(null, snapshot, [.. Differences(before, state)]) : null;
    }

    private IEnumerable<HistoryChange> Differences(EntityState before, EntityState after)
    {
        IEnumerable<FieldPath> paths = before.Slots.ToArray().Concat(after.Slots.ToArray()).Select(s => s.Path).Distinct().Order();
        foreach (FieldPath path in paths)
        {
            Sibling[] gone = Describe(before, path, s => IsGone(after, s)), come = Describe(after, path, s => IsGone(before, s));
            for (int i = 0; i < Math.Max(come.Length, 1); i++)
            {
                if (come.Length == 0 && gone.Length == 0) continue;
                yield return new HistoryChange(path, i < come.Length ? come[i] : null, i == 0 ? gone : [], null);
            }
        }
    }

    private EntityState? Find(Snapshot snapshot)
    {
        SnapshotManifest manifest = writer.Snapshots.ReadManifest(snapshot);
        var chunks = new SnapshotReader(manifest.Heads, [.. manifest.Heads.Select(h => replicas.GetOrAdd(h.Author))], replicas);
        var complete = new List<EntityState>();
        foreach (ReadOnlyMemory<byte> chunk in writer.Snapshots.ReadChunks(manifest, snapshot.ChunksFrom))
        {
            complete.Clear();
            chunks.Read(chunk, complete);
            if (complete.Find(s => s.Key.Equals(key)) is { } found) return found;
            // In order of keys: it would have come.
            if (complete.Count > 0 && complete[^1].Key.CompareTo(key) > 0) return null;
        }
        return chunks.Finish() is { } last && last.Key.Equals(key) ? last : null;
    }

    private Sibling[] Describe(EntityState of, FieldPath path, Func<SiblingSlot, bool> which)
    {
        (int start, int length) = of.Find(path);
        return length == 0 ? [] : replicas.Describe(Array.FindAll(of.Slots.Slice(start, length).ToArray(), s => which(s)));
    }

    private static bool IsGone(EntityState after, SiblingSlot slot)
    {
        foreach (ref readonly SiblingSlot other in after.At(slot.Path))
        {
            if (other.Dot.Identity == slot.Dot.Identity) return false;
        }
        return true;
    }
}
