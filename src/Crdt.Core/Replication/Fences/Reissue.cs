using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Crdt;

/// <summary>One branch of a log that a fence has cut off, on its way to being written again: which transactions are
/// left, and what became of the mutations before them.</summary>
/// <remarks>
/// A re-issued mutation replaces what the original replaced, where that is still held, with what the original wrote; a
/// counter goes on by the original's difference. Everything else is concurrent to it. Its origin names the old dot, and
/// a request id (the original's own, or one that its batch determines) that tells the branch, so nothing is written
/// twice: not after a crash, and not by somebody who knows that another one did it.
/// </remarks>
internal sealed class Reissue
{
    private readonly Queue<(BatchColumns Batch, long First, int From, int To, byte[] Hash)> left = new();
    private readonly Dictionary<long, Dot> successors = [];
    private readonly Dictionary<(EntityKey, FieldPath), long> totals = [];
    private readonly Written written;

    private Reissue(ReplicaId author, Written written) => (Author, this.written) = (author, written);

    /// <summary>What was written again, by what it repeats.</summary>
    /// <param name="All">Everywhere, also where that was cut off in its turn.</param>
    /// <param name="Live">Where it counts.</param>
    private sealed record Written(Dictionary<(Dot, Guid), Dot> All, Dictionary<(Dot, Guid), Dot> Live)
    {
        public void Note(BatchColumns batch, in LogEntry entry, bool isVoid)
        {
            for (int m = 0; m < batch.MutationCount; m++)
            {
                if (batch.Mutations[m].Origin is not { Reissued: { } old, RequestId: { } request }) continue;
                All[(old, request)] = new Dot(entry.Author, entry.FirstSequence + m);
                if (!isVoid) Live[(old, request)] = new Dot(entry.Author, entry.FirstSequence + m);
            }
        }
    }

    /// <summary>Whose log was cut.</summary>
    public ReplicaId Author { get; }

    /// <summary>Whether nothing is left.</summary>
    public bool IsDone => left.Count == 0;

    /// <summary>How many mutations are left.</summary>
    public int Left => left.Sum(t => t.To - t.From);

    /// <summary>How many were written again.</summary>
    public int Made { get; set; }

    /// <summary>The transaction whose turn it is.</summary>
    public (BatchColumns Batch, long First, int From, int To, byte[] Hash) Next => left.Peek();

    /// <summary>What was written again of the transaction is in the log, or there was nothing to write.</summary>
    public void Advance() => left.Dequeue();

    /// <summary>The mutation that took the place of one of the branch; <see langword="null"/> when none did.</summary>
    public Dot? SuccessorOf(long sequence) => successors.TryGetValue(sequence, out Dot dot) ? dot : null;

    public void Succeed(long sequence, Dot by) => successors[sequence] = by;

    public void Forget(long sequence) => successors.Remove(sequence);

    /// <summary>The branch's running total of a counter before the mutation whose turn it is, if the branch counted there.</summary>
    public long? TotalOf(EntityKey key, FieldPath counter) => totals.TryGetValue((key, counter), out long total) ? total : null;

    public void Count(EntityKey key, FieldPath counter, long total) => totals[(key, counter)] = total;

    /// <summary>Where a mutation was written again already; <see langword="null"/> when nowhere that is known.</summary>
    /// <param name="sequence">Its sequence in the branch.</param>
    /// <param name="request">What tells it from that of another branch.</param>
    /// <param name="origin">What it repeats itself, if it does: that may stand again elsewhere, too.</param>
    public Dot? Known(long sequence, Guid request, Dot? origin) =>
        written.All.TryGetValue((new Dot(Author, sequence), request), out Dot dot)
        || (origin is { } first && written.Live.TryGetValue((first, request), out dot)) ? dot : null;

    /// <summary>How many mutations are left of which is not known that they were written again. What is never written again
    /// is none of them: words about the space's own data in the client role.</summary>
    /// <remarks>Work that was cut off more than once names its last place alone, and keeps the request that tells it.</remarks>
    public long CountUnknown()
    {
        long count = 0;
        HashSet<Guid> requests = [.. written.Live.Keys.Select(static k => k.Item2)];
        foreach ((BatchColumns batch, long first, int from, int to, byte[] hash) in left)
        {
            for (int m = from; m < to; m++)
            {
                ref readonly BatchColumns.MutationRow row = ref batch.Mutations[m];
                if (batch.Role == ReplicaRole.Client && batch.Entities[row.Entity].IsSpaceData) continue;
                Guid request = row.Origin?.RequestId ?? RequestOf(Author, first + m, hash);
                if (!requests.Contains(request)) count++;
            }
        }
        return count;
    }

    /// <summary>What tells a mutation of one branch from that of another with the same dot.</summary>
    public static Guid RequestOf(ReplicaId author, long sequence, ReadOnlySpan<byte> batchHash)
    {
        Span<byte> content = stackalloc byte[8 + ReplicaId.LengthBytes + 8 + SHA256.HashSizeInBytes];
        "reissue\0"u8.CopyTo(content);
        author.WriteBytes(content[8..]);
        BinaryPrimitives.WriteInt64BigEndian(content[(8 + ReplicaId.LengthBytes)..], sequence);
        batchHash.CopyTo(content[^SHA256.HashSizeInBytes..]);
        return Uuid.Version4(SHA256.HashData(content).AsSpan(0, 16));
    }

    /// <summary>What this replica wrote itself under a former id, beyond that id's fence.</summary>
    public static List<Reissue> OfOwn(IReplicaStore store, FenceKeeper fences)
    {
        var branches = new Dictionary<ReplicaId, Reissue>();
        var known = new Written([], []);
        var (reader, batch) = (new BatchReader(), new BatchColumns());
        HashSet<ReplicaId> own = OwnIds.Of(store);
        foreach (LoggedEntry logged in store.ReadLog(default))
        {
            LogEntry entry = logged.Entry;
            if (entry.Kind == LogEntryKind.Identity) own.Remove(ReplicaId.FromBytes(entry.Payload.Span));
            if (entry.Kind != LogEntryKind.Batch) continue;
            bool isOwn = own.Contains(entry.Author), isVoid = fences.IsVoid(entry);
            if (isVoid && !isOwn) continue;
            // What was written again and fenced off in its turn is written again from there.
            reader.Read(entry.Payload, entry.Author, entry.FirstSequence, batch);
            known.Note(batch, entry, isVoid);
            if (!isVoid || entry.Author == store.Identity.Replica) continue;
            if (!branches.TryGetValue(entry.Author, out Reissue? branch))
                branches[entry.Author] = branch = new Reissue(entry.Author, known);
            branch.Add(batch, entry.FirstSequence, entry.Payload);
            batch = new BatchColumns();
        }
        return [.. branches.Values];
    }

    /// <summary>What was set aside of an author, branch by branch.</summary>
    public static IEnumerable<Reissue> OfSetAside(IReplicaStore store, ReplicaWriter writer, ReplicaId author) =>
        OfSetAside(store, writer, new HashSet<ReplicaId> { author });

    /// <summary>What was set aside of some authors, branch by branch, by one look at the log.</summary>
    public static IEnumerable<Reissue> OfSetAside(IReplicaStore store, ReplicaWriter writer, IReadOnlySet<ReplicaId> authors)
    {
        if (authors.Count == 0) yield break;
        var known = new Written([], []);
        var (reader, counting) = (new BatchReader(), new BatchColumns());
        var runs = new List<(BatchRun Run, ReadOnlyMemory<byte> Before)>();
        foreach (LoggedEntry logged in store.ReadLog(default))
        {
            LogEntry entry = logged.Entry;
            if (entry.Kind == LogEntryKind.Batch && !writer.Fences.IsVoid(entry))
            {
                reader.Read(entry.Payload, entry.Author, entry.FirstSequence, counting);
                known.Note(counting, entry, isVoid: false);
            }
            if (entry.Kind == LogEntryKind.Aside && authors.Contains(entry.Author) && writer.Fences.Table.IsBeyond(entry.Author, entry.LastSequence))
                runs.Add(AsideCodec.Decode(entry));
        }
        runs.Sort((a, b) => a.Run.FirstSequence.CompareTo(b.Run.FirstSequence));
        while (runs.Count > 0)
        {
            ReplicaId author = runs[0].Run.Author;
            var branch = new Reissue(author, known);
            byte[]? end = null;
            for (int i = 0; i < runs.Count; i++)
            {
                (BatchRun run, ReadOnlyMemory<byte> before) = runs[i];
                if (run.Author != author) continue;
                if (end is not null && !before.Span.SequenceEqual(end)) continue;
                end = run.Head[..AuthorTable.HashLengthBytes].ToArray();
                long first = run.FirstSequence;
                foreach (ReadOnlyMemory<byte> payload in run.Batches)
                {
                    var batch = new BatchColumns();
                    reader.Read(payload, author, first, batch);
                    if (writer.Fences.Table.IsBeyond(author, first)) branch.Add(batch, first, payload);
                    first += batch.MutationCount;
                }
                runs.RemoveAt(i--);
            }
            yield return branch;
        }
    }

    /// <summary>The mutations of a set-aside run.</summary>
    public static IEnumerable<Mutation> Read(IReplicaStore store, SetAsideRun aside)
    {
        foreach (LoggedEntry logged in store.ReadLog(aside.Position))
        {
            if (logged.Entry.Kind != LogEntryKind.Aside || logged.Entry.Author != aside.Author) continue;
            BatchRun run = AsideCodec.Decode(logged.Entry).Run;
            if (AsideCodec.IdOf(run) != aside.Id) continue;
            long first = run.FirstSequence;
            foreach (ReadOnlyMemory<byte> payload in run.Batches)
            {
                var batch = new BatchColumns();
                new BatchReader().Read(payload, run.Author, first, batch);
                for (int m = 0; m < batch.MutationCount; m++) yield return batch.ToMutation(m, run.Author, first);
                first += batch.MutationCount;
            }
            yield break;
        }
    }

    private void Add(BatchColumns batch, long first, ReadOnlyMemory<byte> payload)
    {
        byte[] hash = SHA256.HashData(payload.Span);
        for (int from = 0; from < batch.MutationCount;)
        {
            int to = from + 1;
            while (!batch.Mutations[to - 1].EndsTransaction) to++;
            left.Enqueue((batch, first, from, to, hash));
            from = to;
        }
    }
}
