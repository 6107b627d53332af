using MessagePack;

namespace Crdt;

/// <summary>What a replica has noticed about others, and is to remember of itself. Safe for concurrent use; written on the writer's turn.</summary>
internal sealed class ReplicaWatch
{
    /// <summary>Peers whose divergence is kept: each may name a thousand entities.</summary>
    private const int DivergencesMax = 16;

    /// <summary>Replicas whose clock is kept.</summary>
    private const int SkewsMax = 1_024;

    /// <summary>Authors in doubt that are kept: beyond that, whoever is named first is in doubt no more than others.</summary>
    private const int DoubtsMax = 4_096;

    /// <summary>Evicted blobs that are kept: what is evicted beyond that is so while the replica is open.</summary>
    private const int EvictionsMax = 16_384;

    // A change of the clock below this, within a day, is not worth an entry of the log.
    private const long SkewChangeMs = 1_000;

    private readonly Lock gate = new();
    private readonly Dictionary<ReplicaId, Divergence> divergences = [];
    private readonly SortedDictionary<ReplicaId, ClockSkew> skews = [];
    private readonly SortedSet<ReplicaId> doubts = [];
    private readonly SortedSet<BlobHash> evictions = [];
    private BlobPolicyNote? blobPolicy;

    /// <summary>The latest first, one for each peer.</summary>
    public Divergence[] Divergences
    {
        get
        {
            lock (gate) return [.. divergences.Values.OrderByDescending(d => d.Time).ThenBy(d => d.Peer)];
        }
    }

    /// <summary>In order of replicas.</summary>
    public ClockSkew[] Skews
    {
        get
        {
            lock (gate) return [.. skews.Values];
        }
    }

    /// <summary>Authors whose ids were found to be in use twice, and not since found to be one log: also those that a fence
    /// has settled.</summary>
    public ReplicaId[] Doubts
    {
        get
        {
            lock (gate) return [.. doubts];
        }
    }

    /// <summary>Whether an author is one of them.</summary>
    public bool IsInDoubt(ReplicaId author)
    {
        lock (gate) return doubts.Contains(author);
    }

    /// <summary>Whether a blob was dropped to make room, and nobody has asked for it since.</summary>
    public bool IsEvicted(BlobHash root)
    {
        lock (gate) return evictions.Contains(root);
    }

    /// <summary>Which attachments the device takes by itself; <see langword="null"/> where nobody has said.</summary>
    public BlobPolicy? BlobPolicy
    {
        get
        {
            lock (gate) return blobPolicy?.Policy;
        }
    }

    /// <summary>Whether the note is worth an entry of the log.</summary>
    public bool IsNews(WatchNote note)
    {
        lock (gate)
        {
            return note switch
            {
                AgreementNote { Peer: var peer } => divergences.ContainsKey(peer),
                DoubtNote { Author: var author, IsOpen: var isOpen } => doubts.Contains(author) != isOpen
                    && (!isOpen || doubts.Count < DoubtsMax),
                EvictionNote { Root: var root, IsEvicted: var isEvicted } => evictions.Contains(root) != isEvicted
                    && (!isEvicted || evictions.Count < EvictionsMax),
                BlobPolicyNote => blobPolicy is null || !blobPolicy.Encode().AsSpan().SequenceEqual(note.Encode()),
                SkewNote { Skew: var now } => !skews.TryGetValue(now.Replica, out ClockSkew? before)
                    || before.Role != now.Role || Math.Abs(before.OffsetMs - now.OffsetMs) >= SkewChangeMs
                    || (now.MeasuredAt - before.MeasuredAt).Duration() >= TimeSpan.FromDays(1),
                _ => true,
            };
        }
    }

    public void Take(WatchNote note)
    {
        lock (gate)
        {
            switch (note)
            {
                case DivergenceNote { Divergence: var divergence }:
                    divergences[divergence.Peer] = divergence;
                    if (divergences.Count > DivergencesMax)
                        divergences.Remove(divergences.Values.MinBy(d => d.Time)!.Peer);
                    break;
                case AgreementNote { Peer: var peer }:
                    divergences.Remove(peer);
                    break;
                case DoubtNote { Author: var author, IsOpen: var isOpen }:
                    if (isOpen) doubts.Add(author);
                    else doubts.Remove(author);
                    break;
                case EvictionNote { Root: var root, IsEvicted: var isEvicted }:
                    if (!isEvicted) evictions.Remove(root);
                    else if (evictions.Count < EvictionsMax) evictions.Add(root);
                    break;
                case BlobPolicyNote policy:
                    blobPolicy = policy;
                    break;
                case SkewNote { Skew: var skew }:
                    skews[skew.Replica] = skew;
                    if (skews.Count > SkewsMax) skews.Remove(skews.Values.MinBy(s => s.MeasuredAt)!.Replica);
                    break;
            }
        }
    }

    /// <summary>Everything, for the checkpoint.</summary>
    public void Write(ref MessagePackWriter writer)
    {
        lock (gate)
        {
            WatchNote[] notes =
            [
                .. divergences.Values.Select(d => new DivergenceNote(d)), .. skews.Values.Select(s => new SkewNote(s)),
                .. doubts.Select(d => new DoubtNote(d, true)), .. evictions.Select(e => new EvictionNote(e, true)),
                .. blobPolicy is null ? [] : (WatchNote[])[blobPolicy],
            ];
            writer.WriteArrayHeader(notes.Length);
            foreach (WatchNote note in notes) note.Write(ref writer);
        }
    }

    public void Restore(ref CanonicalReader reader)
    {
        for (int i = reader.ReadArrayHeader("What was noticed"); i > 0; i--) Take(WatchNote.Read(ref reader));
    }
}
