using System.Collections.Concurrent;
using System.Globalization;

namespace Crdt;

/// <summary>Which mutations were refused, as the space's own data states it. Grows only; read by anybody.</summary>
internal sealed class RefusalTable(ReplicaTable replicas)
{
    public const string EntityType = "refusal";
    public const string LastField = "last";

    public static readonly RefusalTable Empty = new(new ReplicaTable());

    private readonly ConcurrentDictionary<ReplicaId, RefusedRanges> ranges = new();
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
        if (end < first.Sequence) return;
        Interlocked.Add(ref mutations, ranges.GetOrAdd(first.Replica, static _ => new()).Add(first.Sequence, end, epoch));
    }

    public bool IsRefused(Dot dot) => IsRefused(dot, long.MaxValue);

    /// <summary>Which mutations were refused, by author, as ranges in order of sequences that do not overlap.</summary>
    public Dictionary<ReplicaId, (long First, long Last)[]> Refused() =>
        ranges.ToDictionary(static r => r.Key, static r => r.Value.ToArray());

    public bool IsRefused(LocalDot dot, long epoch) => !ranges.IsEmpty && IsRefused(replicas.Resolve(dot), epoch);

    private bool IsRefused(Dot dot, long epoch) =>
        ranges.TryGetValue(dot.Replica, out RefusedRanges? refused) && refused.Contains(dot.Sequence, epoch);
}
