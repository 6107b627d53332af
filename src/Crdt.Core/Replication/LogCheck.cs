namespace Crdt;

/// <summary>Walks a log once and checks each author's hash chain from head to head, without gaps, and the signatures.</summary>
/// <remarks>Memory grows with the number of heads. A pruned log is checked from the heads of its snapshot on.</remarks>
internal sealed class LogCheck(IReplicaStore store, SpaceId space, TrustTable trust)
{
    private readonly Dictionary<ReplicaId, Chain> chains = [];

    /// <summary>One author's chain. Of a fork the log may hold both branches: a run goes on from any head before it.</summary>
    private sealed class Chain
    {
        public Dictionary<long, List<byte[]>> Heads { get; } = [];

        public long Last { get; set; }

        /// <summary>Hashes that the batches read so far may lead to; null when the beginning is not in the log.</summary>
        public List<byte[]>? Open { get; set; }

        public bool IsOpen { get; set; }

        public void Add(long sequence, byte[] hash)
        {
            if (!Heads.TryGetValue(sequence, out List<byte[]>? hashes)) Heads[sequence] = hashes = [];
            hashes.Add(hash);
        }
    }

    public IEnumerable<LogFault> Run(CancellationToken cancellationToken)
    {
        foreach (LoggedEntry logged in store.ReadLog(default))
        {
            cancellationToken.ThrowIfCancellationRequested();
            LogEntry entry = logged.Entry;
            string? problem = entry.Kind switch
            {
                LogEntryKind.Batch => Check(entry),
                LogEntryKind.Head => CheckHead(entry),
                LogEntryKind.Snapshot => TakeHeads(entry),
                _ => null,
            };
            if (problem is not null) yield return new LogFault(logged.Next, new Dot(entry.Author, entry.LastSequence), problem);
        }
    }

    private Chain ChainOf(ReplicaId author)
    {
        if (chains.TryGetValue(author, out Chain? chain)) return chain;
        chains[author] = chain = new Chain();
        chain.Add(0, AuthorTable.ChainStart(author));
        return chain;
    }

    private string? Check(in LogEntry entry)
    {
        Chain chain = ChainOf(entry.Author);
        long before = entry.FirstSequence - 1;
        if (!chain.IsOpen || chain.Last != before)
        {
            bool isGap = before > chain.Last && store.LogStart.Value == 0;
            chain.Open = chain.Heads.TryGetValue(before, out List<byte[]>? known) ? [.. known] : null;
            if (isGap && chain.Open is null)
            {
                long from = chain.Last + 1;
                (chain.IsOpen, chain.Last) = (true, entry.LastSequence);
                return $"sequences {from} to {before} of {entry.Author} are missing before it";
            }
        }
        for (int i = 0; i < (chain.Open?.Count ?? 0); i++)
            chain.Open![i] = AuthorTable.ChainNext(chain.Open[i], entry.Payload.Span);
        (chain.IsOpen, chain.Last) = (true, entry.LastSequence);
        return null;
    }

    private string? CheckHead(in LogEntry entry)
    {
        Chain chain = ChainOf(entry.Author);
        if (entry.Payload.Length < AuthorTable.HashLengthBytes) return "the head is shorter than a hash";
        byte[] head = entry.Payload[..AuthorTable.HashLengthBytes].ToArray();
        bool fits = !chain.IsOpen || chain.Last != entry.LastSequence || chain.Open is null
            || chain.Open.Exists(hash => hash.AsSpan().SequenceEqual(head));
        (chain.IsOpen, chain.Open, chain.Last) = (false, null, Math.Max(chain.Last, entry.LastSequence));
        chain.Add(entry.LastSequence, head);
        if (!fits) return $"the batches of {entry.Author} do not lead to the head at sequence {entry.LastSequence}";
        if (!trust.IsKeyedPublished || trust.Find(entry.Author) is not { } enrolment) return null;
        return trust.Scheme.Verify(enrolment.PublicKey.Span, SignedBytes.OfHead(space, entry.Author, entry.LastSequence, head),
            entry.Payload.Span[AuthorTable.HashLengthBytes..])
            ? null
            : $"the signature of {entry.Author} under its head at sequence {entry.LastSequence} does not hold";
    }

    private string? TakeHeads(in LogEntry entry)
    {
        SnapshotManifest manifest;
        try
        {
            manifest = SnapshotManifest.Decode(entry.Payload);
        }
        catch (BatchFormatException e)
        {
            return $"the snapshot's manifest cannot be read: {e.Message}";
        }
        foreach (SnapshotHead head in manifest.Heads)
        {
            Chain chain = ChainOf(head.Author);
            chain.Add(head.Sequence, head.Head.ToArray());
            if (head.Sequence > chain.Last) (chain.Last, chain.IsOpen, chain.Open) = (head.Sequence, false, null);
        }
        return null;
    }
}
