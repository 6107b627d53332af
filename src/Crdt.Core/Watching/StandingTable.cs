using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>What every replica is known to have held as a whole at some moment, its own mutations included: so whatever
/// it wrote later, it wrote having seen all that. Safe for concurrent use.</summary>
/// <remarks>Acknowledgements do not say that: they tell what arrived, and not what their maker had written before.</remarks>
internal sealed class StandingTable
{
    /// <summary>Replicas whose statements are kept.</summary>
    internal const int MakersMax = AcknowledgementTable.MakersMax;

    // Peers of which is remembered what they were told: the rest is told again.
    private const int PeersMax = 64;

    private readonly Lock gate = new();
    private readonly SortedDictionary<ReplicaId, Acknowledgement> newest = [];
    private readonly Dictionary<ReplicaId, Dictionary<ReplicaId, ulong>> told = [];
    private readonly Queue<ReplicaId> peers = new();

    /// <summary>In order of makers.</summary>
    public Acknowledgement[] Newest
    {
        get
        {
            lock (gate) return [.. newest.Values];
        }
    }

    public Acknowledgement? Find(ReplicaId maker)
    {
        lock (gate) return newest.GetValueOrDefault(maker);
    }

    /// <summary>Whether a statement says more than what is known of its maker.</summary>
    public bool IsNews(Acknowledgement statement)
    {
        lock (gate)
        {
            return newest.TryGetValue(statement.By, out Acknowledgement? known)
                ? Caps.IsNews(statement.Held, known.Held)
                : newest.Count < MakersMax;
        }
    }

    /// <summary>Up to where authors count.</summary>
    public FenceCaps Caps { get; set => Volatile.Write(ref field, value); } = FenceCaps.None;

    /// <summary>What of a statement goes into the log: the difference; the whole where its maker has met a fence since.</summary>
    public Acknowledgement DifferenceOf(Acknowledgement statement)
    {
        VersionVector known = Find(statement.By)?.Held ?? VersionVector.Empty;
        return !statement.Held.Covers(known) ? statement with { IsWhole = true }
            : statement with { Held = VersionVector.From(statement.Held.Where(d => !known.Covers(d))) };
    }

    /// <summary>Takes a statement, or the difference to the one before.</summary>
    public void Take(Acknowledgement statement)
    {
        lock (gate)
        {
            if (newest.TryGetValue(statement.By, out Acknowledgement? known) && !statement.IsWhole)
                statement = statement with { Held = known.Held.Merge(statement.Held) };
            statement = statement with { IsWhole = false };
            if (known is not null || newest.Count < MakersMax) newest[statement.By] = statement;
        }
    }

    /// <summary>Whether the peer knows that.</summary>
    public bool WasTold(ReplicaId peer, Acknowledgement statement)
    {
        lock (gate)
        {
            return told.TryGetValue(peer, out Dictionary<ReplicaId, ulong>? known)
                && known.TryGetValue(statement.By, out ulong hash) && hash == HashOf(statement.Held);
        }
    }

    /// <summary>Remembers what the peer knows of a maker.</summary>
    public void NoteTold(ReplicaId peer, ReplicaId maker, ulong hash)
    {
        lock (gate)
        {
            ref Dictionary<ReplicaId, ulong>? known = ref CollectionsMarshal.GetValueRefOrAddDefault(told, peer, out bool exists);
            if (!exists)
            {
                known = [];
                peers.Enqueue(peer);
            }
            if (known!.Count < MakersMax || known.ContainsKey(maker)) known[maker] = hash;
            if (peers.Count > PeersMax) told.Remove(peers.Dequeue());
        }
    }

    /// <summary>What was told, peer by peer, for the checkpoint.</summary>
    public ToldNote[] Told
    {
        get
        {
            lock (gate) return [.. peers.Select(p => new ToldNote(p, [.. told[p].Select(t => (t.Key, t.Value))]))];
        }
    }

    /// <summary>Eight bytes that stand for a vector.</summary>
    public static ulong HashOf(VersionVector held)
    {
        var hash = new XxHash64();
        Span<byte> dot = stackalloc byte[ReplicaId.LengthBytes + 8];
        foreach ((ReplicaId replica, long sequence) in held)
        {
            replica.WriteBytes(dot);
            BinaryPrimitives.WriteInt64BigEndian(dot[ReplicaId.LengthBytes..], sequence);
            hash.Append(dot);
        }
        return hash.GetCurrentHashAsUInt64();
    }
}
