using System.Collections.Concurrent;
using System.Globalization;

namespace Crdt;

/// <summary>Which mutations were refused, as the space's own data states it. Grows only; read by anybody.</summary>
internal sealed class RefusalTable(ReplicaTable replicas)
{
    public const string EntityType = "refusal";
    public const string LastField = "last";

    public static readonly RefusalTable Empty = new(new ReplicaTable());

    private readonly ConcurrentDictionary<ReplicaId, ConcurrentDictionary<long, long>> ranges = new();
    private int count;
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

    /// <summary>Takes note of what an entity of the space's own data says, if it tells of a refusal.</summary>
    public void Note(Entity refusal)
    {
        if (!TryParse(refusal.Key, out Dot first) || refusal[LastField] is not { Kind: ValueKind.Integer } last) return;
        long end = last.AsInteger();
        if (end < first.Sequence || !ranges.GetOrAdd(first.Replica, static _ => new()).TryAdd(first.Sequence, end)) return;
        Interlocked.Add(ref mutations, end - first.Sequence + 1);
        Interlocked.Increment(ref count);
    }

    public bool IsRefused(LocalDot dot) => count > 0 && IsRefused(replicas.Resolve(dot));

    public bool IsRefused(Dot dot) => FindFirst(dot) is not null;

    /// <summary>The first mutation of the refused transaction that the mutation belongs to; <see langword="null"/> when
    /// it was not refused.</summary>
    public Dot? FindFirst(Dot dot)
    {
        if (count == 0 || !ranges.TryGetValue(dot.Replica, out ConcurrentDictionary<long, long>? refused)) return null;
        if (refused.ContainsKey(dot.Sequence)) return dot;
        foreach ((long first, long last) in refused)
        {
            if (first <= dot.Sequence && dot.Sequence <= last) return dot with { Sequence = first };
        }
        return null;
    }
}
