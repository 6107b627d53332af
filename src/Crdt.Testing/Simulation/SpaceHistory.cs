using System.IO.Hashing;

namespace Crdt.Testing.Simulation;

/// <summary>All that was ever written, by whomever, taken from the bytes as they first reached a log. Keeps each batch
/// once, however many replicas hold it, and knows what a replica of any vector has to hold.</summary>
/// <remarks>The model beside the engine: a value is held where it was applied and nothing that replaces it was. No order
/// of arrival comes into it.</remarks>
internal sealed class SpaceHistory
{
    private readonly Dictionary<ReplicaId, int> authors = [];
    private readonly List<AuthorLog> logs = [];
    private readonly Dictionary<EntityKey, EntityHistory> entities = [];
    private readonly BatchReader reader = new();
    private readonly BatchColumns columns = new();
    private readonly Dictionary<UInt128, byte[]> shared = [];
    private Func<ReplicaId, long, bool> isVoid = static (_, _) => false;
    private long[] everywhere = [];
    private long mutations;

    /// <summary>What one author has written.</summary>
    public sealed class AuthorLog(ReplicaId id)
    {
        public ReplicaId Id { get; } = id;

        public List<LogRecord> Batches { get; } = [];

        public Dictionary<long, LogRecord> Heads { get; } = [];

        public HybridTimestamp Latest { get; set; }

        public long Last => Batches.Count == 0 ? 0 : Batches[^1].Last;
    }

    public int AuthorCount => logs.Count;

    public IEnumerable<EntityHistory> Entities => entities.Values;

    /// <summary>While ids come to be used twice, what stands in for all that follows here.</summary>
    public BranchHistory? Branches { get; set; }

    /// <summary>Mutations of all authors.</summary>
    public long Mutations => Branches?.Mutations ?? mutations;

    /// <summary>Bytes of all batches.</summary>
    public long BatchBytes { get; private set; }

    public AuthorLog this[int author] => logs[author];

    public int IndexOf(ReplicaId author)
    {
        if (authors.TryGetValue(author, out int index)) return index;
        authors[author] = logs.Count;
        logs.Add(new AuthorLog(author));
        return logs.Count - 1;
    }

    /// <summary>Tells what every replica holds at least: what was replaced before that need not be kept.</summary>
    public void NoteEverywhere(long[] vector) => everywhere = vector;

    /// <summary>Forgets all that is replaced everywhere.</summary>
    public void Prune()
    {
        foreach (EntityHistory entity in entities.Values) entity.Prune(everywhere, always: true);
    }

    /// <summary>From here on no id comes to be used twice, and all have met: what counts of the branches is the history.</summary>
    /// <param name="devices">The replicas, which hold the same.</param>
    public void EndBranches(IReadOnlyList<SimulatedDevice> devices)
    {
        long written = Mutations;
        FenceKeeper fences = devices[0].Replica!.Writer.Fences;
        isVoid = fences.IsVoid;
        Branches = null;
        foreach (LogRecord batch in devices[0].Store.Records(LogEntryKind.Batch))
        {
            if (!fences.IsVoid(batch.ToEntry())) Take(logs[batch.Author], batch);
        }
        // A copy may have closed its runs elsewhere.
        foreach (LogRecord head in devices.SelectMany(d => d.Store.Records(LogEntryKind.Head)))
        {
            if (!fences.IsVoid(head.ToEntry())) logs[head.Author].Heads.TryAdd(head.Last, head);
        }
        mutations = written;
        foreach (SimulatedDevice device in devices) device.Applied = [.. logs.Select(l => l.Last)];
    }

    /// <summary>The one record of a batch or head: made when its author appends it, found again for everybody else.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="isAuthor">Whether the store that it goes into is the author's.</param>
    public LogRecord Intern(in LogEntry entry, bool isAuthor)
    {
        int author = IndexOf(entry.Author);
        if (Branches is not null) return Branches.Intern(entry, author, isAuthor);
        AuthorLog log = logs[author];
        LogRecord? known = entry.Kind == LogEntryKind.Batch
            ? Find(log, entry.FirstSequence) : log.Heads.GetValueOrDefault(entry.LastSequence);
        if (known is not null)
        {
            if (known.Last == entry.LastSequence && known.Payload.AsSpan().SequenceEqual(entry.Payload.Span)) return known;
            throw new ViolationException("bytes-changed", "CV-9",
                $"The {entry.Kind} {entry.FirstSequence}-{entry.LastSequence} of {entry.Author} is not the one that its author wrote.");
        }
        if (!isAuthor)
        {
            throw new ViolationException("unwritten", "CV-4",
                $"A {entry.Kind} {entry.FirstSequence}-{entry.LastSequence} of {entry.Author} arrived that its author never wrote.");
        }
        var record = new LogRecord(
            entry.Kind, author, entry.Author, entry.FirstSequence, entry.LastSequence, entry.Payload.ToArray());
        if (entry.Kind == LogEntryKind.Batch) Take(log, record);
        else log.Heads.Add(record.Last, record);
        return record;
    }

    /// <summary>Every mutation of the entities that are asked for, author by author.</summary>
    /// <param name="isWanted">Which.</param>
    public List<Mutation> Read(Func<EntityKey, bool> isWanted)
    {
        var read = new List<Mutation>();
        foreach (LogRecord batch in logs.SelectMany(l => l.Batches))
        {
            reader.Read(batch.Payload, logs[batch.Author].Id, batch.First, columns);
            for (int m = 0; m < columns.MutationCount; m++)
            {
                if (isWanted(columns.Entities[columns.Mutations[m].Entity]))
                    read.Add(columns.ToMutation(m, logs[batch.Author].Id, batch.First));
            }
        }
        return read;
    }

    /// <summary>Bytes that many stores hold alike, held once.</summary>
    public byte[] Share(ReadOnlySpan<byte> bytes)
    {
        UInt128 hash = XxHash128.HashToUInt128(bytes);
        if (!shared.TryGetValue(hash, out byte[]? held)) shared[hash] = held = bytes.ToArray();
        return held;
    }

    /// <summary>Whether a transaction of the author ends with that sequence: only there a vector may end.</summary>
    public bool EndsTransaction(int author, long sequence)
    {
        if (sequence == 0) return true;
        int at = BatchAt(logs[author], sequence);
        if (at < 0) return false;
        LogRecord batch = logs[author].Batches[at];
        if (batch.Last == sequence) return true;
        reader.Read(batch.Payload, logs[author].Id, batch.First, columns);
        return columns.Mutations[sequence - batch.First].EndsTransaction;
    }

    /// <summary>Whether an author's log from a sequence on holds nothing but marks.</summary>
    public bool HoldsMarksOnly(int author, long first)
    {
        for (long sequence = first; sequence <= logs[author].Last; sequence++)
        {
            LogRecord batch = logs[author].Batches[BatchAt(logs[author], sequence)];
            reader.Read(batch.Payload, logs[author].Id, batch.First, columns);
            if (columns.Mutations[sequence - batch.First].Kind != MutationKind.Mark) return false;
        }
        return true;
    }

    private void Take(AuthorLog log, LogRecord record)
    {
        if (record.First != log.Last + 1)
        {
            throw new ViolationException("own-gap", "CV-4",
                $"{log.Id} wrote sequence {record.First} after {log.Last}: a sequence is missing or was used twice.");
        }
        reader.Read(record.Payload, log.Id, record.First, columns);
        if (!columns.Mutations[columns.MutationCount - 1].EndsTransaction)
            throw new ViolationException("torn-transaction", "CV-12", $"A batch of {log.Id} ends within a transaction.");
        var touched = new HashSet<EntityHistory>(1);
        for (int m = 0; m < columns.MutationCount; m++)
        {
            ref readonly BatchColumns.MutationRow row = ref columns.Mutations[m];
            if (row.Timestamp <= log.Latest)
                throw new ViolationException("clock-order", "CV-8", $"{log.Id} issued {row.Timestamp} after {log.Latest}.");
            log.Latest = row.Timestamp;
            if (columns.Role == ReplicaRole.Client && row.Kind > MutationKind.Resolve)
                throw new ViolationException("authority", "CV-15", $"{log.Id} wrote a {row.Kind} of {columns.Entities[row.Entity]} as a client.");
            EntityHistory entity = EntityOf(columns.Entities[row.Entity]);
            touched.Add(entity);
            entity.Prune(everywhere, always: false);
            Take(entity, m, record.Author, record.First + m);
        }
        record.Touched = [.. touched];
        log.Batches.Add(record);
        mutations += columns.MutationCount;
        BatchBytes += record.Payload.Length;
    }

    private void Take(EntityHistory entity, int mutation, int author, long sequence)
    {
        ref readonly BatchColumns.MutationRow row = ref columns.Mutations[mutation];
        for (int c = columns.ChangeStart(mutation); c < row.ChangeEnd; c++)
        {
            ref readonly BatchColumns.ChangeRow change = ref columns.Changes[c];
            FieldPath path = columns.PathOf(change);
            // A mark replaces nothing; one that restores adds what a refused removal had taken away.
            if (change.Mark is { } mark)
            {
                if (mark.Kind != MarkKind.Restored) continue;
                MarkedSibling original = mark.Siblings[0];
                entity.Add(new SiblingRecord(path, author, sequence, original.Timestamp,
                    original.Claim == default ? original.Timestamp : original.Claim, columns.Role, original.Value));
                continue;
            }
            for (int d = columns.DotStart(c); d < change.DotEnd; d++)
            {
                int other = columns.DotReplica[d] == BatchColumns.Self
                    ? author : IndexOf(columns.Others[columns.DotReplica[d] - 1]);
                if (isVoid(logs[other].Id, columns.DotSequence[d])) continue;
                SiblingRecord named = entity.Find(path, other, columns.DotSequence[d]) ?? throw new ViolationException(
                    "unknown-observed", "CV-4",
                    $"{logs[author].Id}:{sequence} replaces {logs[other].Id}:{columns.DotSequence[d]} at {entity.Key} '{path}', which nobody holds.");
                Replace(entity, named, author, sequence);
            }
            if (path.Rule == ReplaceRule.Own && entity.FindLast(path, author) is { } own) Replace(entity, own, author, sequence);
            if (!change.HasValue) continue;
            HybridTimestamp claim = change.Claim == default ? row.Timestamp : change.Claim;
            entity.Add(new SiblingRecord(path, author, sequence, row.Timestamp, claim, columns.Role, change.Value));
        }
    }

    private void Replace(EntityHistory entity, SiblingRecord sibling, int by, long at)
    {
        bool isSpared = columns.Role == ReplicaRole.Client && entity.Key.IsSpaceData && sibling.Role != ReplicaRole.Client;
        if (!isSpared) entity.Replace(sibling, by, at);
    }

    private EntityHistory EntityOf(EntityKey key)
    {
        if (!entities.TryGetValue(key, out EntityHistory? entity)) entities[key] = entity = new EntityHistory(key);
        return entity;
    }

    private static LogRecord? Find(AuthorLog log, long first)
    {
        int at = BatchAt(log, first);
        return at >= 0 && log.Batches[at].First == first ? log.Batches[at] : null;
    }

    /// <summary>The batch that holds a sequence, by halving; -1 when none does.</summary>
    private static int BatchAt(AuthorLog log, long sequence)
    {
        int low = 0, high = log.Batches.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (log.Batches[middle].Last < sequence) low = middle + 1;
            else if (log.Batches[middle].First > sequence) high = middle - 1;
            else return middle;
        }
        return -1;
    }
}
