using System.Security.Cryptography;

namespace Crdt;

/// <summary>Collects from the log what proves an entity's history: the runs that touch it, each from the hash before it to its
/// author's signature; of batches about other entities the hash alone.</summary>
internal sealed class ProofMaker(IReplicaStore store, ReplicaWriter writer, EntityKey key, IReadOnlySet<Dot> dots)
{
    private readonly Dictionary<ReplicaId, ReadOnlyMemory<byte>> before = [];
    private readonly Dictionary<ReplicaId, List<LogEntry>> open = [];
    private readonly SortedDictionary<ReplicaId, List<ProofRun>> runs = [];
    private readonly HashSet<Dot> proved = [];

    public byte[] Run(VersionVector missing)
    {
        if (store.LogStart > default(LogPosition) && writer.Snapshots.Basis is { } basis) Leap(writer.Snapshots.ReadManifest(basis));
        LogPosition end = writer.PublishedEnd;
        foreach (LoggedEntry logged in store.ReadLog(default))
        {
            if (logged.Next > end) break;
            LogEntry entry = logged.Entry;
            if (entry.Kind == LogEntryKind.Snapshot) Leap(SnapshotManifest.Decode(entry.Payload));
            if (writer.Fences.IsVoid(entry)) continue;
            if (entry.Kind == LogEntryKind.Batch)
            {
                if (!open.TryGetValue(entry.Author, out List<LogEntry>? batches)) open[entry.Author] = batches = [];
                batches.Add(entry);
            }
            else if (entry.Kind == LogEntryKind.Head) Close(entry);
        }
        foreach (Dot dot in dots.Except(proved))
            throw new ProofException(ProofError.NoSignedHead, $"No head that {dot.Replica} has signed includes its mutation {dot.Sequence}.");
        Founding founding = writer.Trust.PublishedFounding!;
        var authors = runs.GroupBy(r => writer.Trust.Find(r.Key)!.Replica).Select(g => (writer.Trust.Find(g.First().Key)!,
            g.SelectMany(r => r.Value).ToList())).ToList();
        return ProofFormat.Write(writer.Identity.Space, writer.Trust.Scheme.Name, founding, Genesis(founding), key, missing, authors);
    }

    private void Close(in LogEntry head)
    {
        if (!open.TryGetValue(head.Author, out List<LogEntry>? batches)) return;
        long last = head.LastSequence;
        List<LogEntry> run = [.. batches.TakeWhile(b => b.LastSequence <= last)];
        if (run.Count == 0 || run[^1].LastSequence != last) return;
        batches.RemoveRange(0, run.Count);
        ReadOnlyMemory<byte> from = before.TryGetValue(head.Author, out ReadOnlyMemory<byte> known) ? known : AuthorTable.ChainStart(head.Author);
        before[head.Author] = head.Payload;
        var shown = new List<ProofBatch>();
        bool touches = false;
        foreach (LogEntry batch in run)
        {
            bool isAbout = false;
            for (long sequence = batch.FirstSequence; sequence <= batch.LastSequence; sequence++)
            {
                var dot = new Dot(batch.Author, sequence);
                if (dots.Contains(dot)) isAbout |= proved.Add(dot);
            }
            touches |= isAbout;
            shown.Add(new ProofBatch(isAbout ? batch.Payload : default, SHA256.HashData(batch.Payload.Span), batch.LastSequence - batch.FirstSequence + 1));
        }
        if (!touches) return;
        if (!runs.TryGetValue(head.Author, out List<ProofRun>? list)) runs[head.Author] = list = [];
        list.Add(new ProofRun(head.Author, run[0].FirstSequence, from, last, head.Payload[AuthorTable.HashLengthBytes..], shown));
    }

    private void Leap(SnapshotManifest manifest)
    {
        foreach (SnapshotHead head in manifest.Heads)
        {
            if (open.TryGetValue(head.Author, out List<LogEntry>? batches)) batches.RemoveAll(b => b.LastSequence <= head.Sequence);
            before[head.Author] = head.Head;
        }
    }

    private ReadOnlyMemory<byte> Genesis(Founding founding)
    {
        foreach (LoggedEntry logged in store.ReadLog(default))
        {
            if (logged.Entry.Kind == LogEntryKind.Batch && logged.Entry.Author == founding.Authority && logged.Entry.FirstSequence == 1)
                return logged.Entry.Payload;
            if (logged.Entry.Kind == LogEntryKind.Snapshot) return SnapshotManifest.Decode(logged.Entry.Payload).Founding;
        }
        return writer.Snapshots.ReadManifest(writer.Snapshots.Basis!).Founding;
    }
}
