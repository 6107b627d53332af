using System.Collections.Concurrent;
using System.Globalization;

namespace Crdt;

/// <summary>Which mutations were refused, as the space's own data states it. Grows only; read by anybody.</summary>
internal sealed class RefusalTable(ReplicaTable replicas)
{
    public const string EntityType = "refusal";
    public const string LastField = "last";

    public static readonly RefusalTable Empty = new(new ReplicaTable());

    private readonly ConcurrentDictionary<ReplicaId, ConcurrentDictionary<long, Range>> ranges = new();
    private int count;

    /// <summary>A refused transaction, and the commit that made it known.</summary>
    private readonly record struct Range(long Last, long Epoch);
    private long mutations;

    /// <summary>Number of refused mutations.</summary>
    public long Mutations => Interlocked.Read(ref mutations);

    /// <summary>The entity that tells of a refused transaction.</summary>
    public static EntityKey KeyOf(Dot first) => EntityKey.CreateTrusted(EntityKey.SpaceDomain, EntityType,
        string.Create(CultureInfo.InvariantCulture, $"{first.Replica.Value:N}-{first.Sequence}"));

    /// <summary>The transaction that such an entity tells of.</summary>
    public static bool TryParse(EntityKey key, out Dot first)
    {
        first = default;
        if (!key.IsSpaceData || key.Type != EntityType || key.Id.Length < 34 || key.Id[32] != '-') return false;
        if (!Guid.TryParseExact(key.Id.AsSpan(0, 32), "N", out Guid replica) || !long.TryParse(
            key.Id.AsSpan(33), NumberStyles.None, CultureInfo.InvariantCulture, out long sequence)) return false;
        first = new Dot(new ReplicaId(replica), sequence);
        return true;
    }

    /// <summary>All that is known, for the replica's single writer.</summary>
    public RefusedDots Now => new(this, long.MaxValue);

    /// <summary>What was known after a commit: readers see one moment.</summary>
    public RefusedDots At(long epoch) => new(this, epoch);

    /// <summary>Takes note of what an entity of the space's own data says, if it tells of a refusal.</summary>
    /// <param name="refusal">The entity.</param>
    /// <param name="epoch">The commit that publishes it.</param>
    public void Note(Entity refusal, long epoch)
    {
        if (!TryParse(refusal.Key, out Dot first) || refusal[LastField] is not { Kind: ValueKind.Integer } last) return;
        long end = last.AsInteger();
        if (end < first.Sequence || !ranges.GetOrAdd(first.Replica, static _ => new()).TryAdd(first.Sequence, new Range(end, epoch))) return;
        Interlocked.Add(ref mutations, end - first.Sequence + 1);
        Interlocked.Increment(ref count);
    }

    /// <summary>The first mutation of the refused transaction that the mutation belongs to, if that was known at a commit.</summary>
    public Dot? FindFirst(Dot dot, long epoch = long.MaxValue)
    {
        if (count == 0 || !ranges.TryGetValue(dot.Replica, out ConcurrentDictionary<long, Range>? refused)) return null;
        if (refused.TryGetValue(dot.Sequence, out Range exact)) return exact.Epoch <= epoch ? dot : null;
        foreach ((long first, Range range) in refused)
        {
            if (first <= dot.Sequence && dot.Sequence <= range.Last && range.Epoch <= epoch) return dot with { Sequence = first };
        }
        return null;
    }

    /// <summary>The refused transactions, by author in order of sequences.</summary>
    public Dictionary<ReplicaId, (long First, long Last)[]> Refused() => ranges.ToDictionary(
        static r => r.Key, static r => r.Value.Select(static t => (t.Key, t.Value.Last)).Order().ToArray());

    public bool IsRefused(Dot dot) => FindFirst(dot) is not null;

    public bool IsRefused(LocalDot dot, long epoch) => count > 0 && FindFirst(replicas.Resolve(dot), epoch) is not null;
}
