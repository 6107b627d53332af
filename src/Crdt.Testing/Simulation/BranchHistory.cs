using System.Security.Cryptography;

namespace Crdt.Testing.Simulation;

/// <summary>Everything that was ever written in a run where ids come to be used twice: of one author there are several logs,
/// and which one counts is known once the fences have spread.</summary>
internal sealed class BranchHistory
{
    private readonly Dictionary<(LogEntryKind Kind, int Author, long First, UInt128 Hash), LogRecord> records = [];
    private readonly HashSet<LogRecord> lost = [];
    private readonly BatchReader reader = new();
    private readonly BatchColumns columns = new();

    /// <summary>Mutations of all branches.</summary>
    public long Mutations { get; private set; }

    /// <summary>The one record of a batch or head: made when it is written, found again for everybody else.</summary>
    public LogRecord Intern(in LogEntry entry, int author, bool isAuthor)
    {
        UInt128 hash = System.IO.Hashing.XxHash128.HashToUInt128(entry.Payload.Span);
        if (records.TryGetValue((entry.Kind, author, entry.FirstSequence, hash), out LogRecord? known)) return known;
        if (!isAuthor)
        {
            throw new ViolationException("unwritten", "CV-4",
                $"A {entry.Kind} {entry.FirstSequence}-{entry.LastSequence} of {entry.Author} arrived that nobody wrote under that id.");
        }
        var record = new LogRecord(entry.Kind, author, entry.Author, entry.FirstSequence, entry.LastSequence, entry.Payload.ToArray());
        records.Add((entry.Kind, author, entry.FirstSequence, hash), record);
        if (entry.Kind == LogEntryKind.Batch) Mutations += entry.LastSequence - entry.FirstSequence + 1;
        return record;
    }

    /// <summary>Files are replaced by a copy: what nobody else holds by then is gone with them, and nobody can bring it back.</summary>
    public void NoteReplaced(SimulatedStore old, IEnumerable<SimulatedStore> others)
    {
        HashSet<LogRecord> elsewhere = [.. others.SelectMany(o => o.Records(LogEntryKind.Batch))];
        lost.UnionWith(old.Records(LogEntryKind.Batch).Where(b => !elsewhere.Contains(b)));
    }

    /// <summary>Of everything that was written: it counts, or is kept aside, or was written again.</summary>
    /// <exception cref="ViolationException">Something is gone.</exception>
    public void Check(IReadOnlyList<SimulatedDevice> devices)
    {
        var counts = new HashSet<LogRecord>();
        var kept = new HashSet<UInt128>();
        // What was written again and cut off in its turn is written again under the same request.
        var again = new HashSet<Guid>();
        foreach (SimulatedDevice device in devices)
        {
            FenceKeeper fences = device.Replica!.Writer.Fences;
            counts.UnionWith(device.Store.Records(LogEntryKind.Batch).Where(b => !fences.IsVoid(b.ToEntry())));
            foreach (LoggedEntry logged in device.Store.ReadLog(default))
            {
                if (logged.Entry.Kind != LogEntryKind.Aside) continue;
                foreach (ReadOnlyMemory<byte> batch in AsideCodec.Decode(logged.Entry).Run.Batches)
                    kept.Add(System.IO.Hashing.XxHash128.HashToUInt128(batch.Span));
            }
        }
        foreach (LogRecord batch in counts)
        {
            Read(batch);
            for (int m = 0; m < columns.MutationCount; m++)
            {
                if (columns.Mutations[m].Origin is { Reissued: not null, RequestId: { } request }) again.Add(request);
            }
        }
        foreach (LogRecord batch in records.Values)
        {
            if (batch.Kind != LogEntryKind.Batch || lost.Contains(batch) || counts.Contains(batch)
                || kept.Contains(System.IO.Hashing.XxHash128.HashToUInt128(batch.Payload))) continue;
            CheckWrittenAgain(batch, again);
        }
    }

    /// <summary>What counts of the log of a device.</summary>
    public List<Mutation> Read(SimulatedDevice device)
    {
        var read = new List<Mutation>();
        foreach (LogRecord batch in device.Store.Records(LogEntryKind.Batch))
        {
            LogEntry entry = batch.ToEntry();
            if (device.Replica!.Writer.Fences.IsVoid(entry)) continue;
            Read(batch);
            for (int m = 0; m < columns.MutationCount; m++) read.Add(columns.ToMutation(m, entry.Author, entry.FirstSequence));
        }
        return read;
    }

    private void CheckWrittenAgain(LogRecord batch, HashSet<Guid> again)
    {
        ReplicaId author = Read(batch);
        byte[] hash = SHA256.HashData(batch.Payload);
        for (int m = 0; m < columns.MutationCount; m++)
        {
            if (columns.Entities[columns.Mutations[m].Entity].IsSpaceData || !Writes(m)) continue;
            var dot = new Dot(author, batch.First + m);
            if (again.Contains(columns.Mutations[m].Origin?.RequestId ?? Reissue.RequestOf(author, dot.Sequence, hash))) continue;
            throw new ViolationException("unaccounted", "CV-13",
                $"What {dot} wrote in {columns.Entities[columns.Mutations[m].Entity]} lies beyond a fence, and is neither kept aside nor written again.");
        }
    }

    /// <summary>Whether there is anything to write again: what only removed may find nothing to remove.</summary>
    private bool Writes(int mutation)
    {
        for (int c = columns.ChangeStart(mutation); c < columns.Mutations[mutation].ChangeEnd; c++)
        {
            ref readonly BatchColumns.ChangeRow change = ref columns.Changes[c];
            if (change.HasValue && change.Mark is null && !columns.PathOf(change).IsCounter) return true;
        }
        return false;
    }

    private ReplicaId Read(LogRecord batch)
    {
        LogEntry entry = batch.ToEntry();
        reader.Read(entry.Payload, entry.Author, entry.FirstSequence, columns);
        return entry.Author;
    }
}
