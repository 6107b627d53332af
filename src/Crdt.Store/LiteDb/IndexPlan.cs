namespace Crdt.Store.LiteDb;

/// <summary>Which stretches of which indexes hold all that may fulfil a filter.</summary>
/// <param name="Parts">To be read one after the other.</param>
/// <param name="Cost">The lower, the fewer entities are likely to be found in vain.</param>
internal sealed record IndexPlan(IReadOnlyList<(FieldIndex Index, List<KeyRange> Ranges)> Parts, int Cost)
{
    private const int EqualityCost = 1, PrefixCost = 2, BoundedCost = 3, HalfBoundedCost = 5;

    /// <summary>Plans a search; null where no index narrows it down.</summary>
    /// <param name="filter">What is asked for.</param>
    /// <param name="indexes">Those of the type that may be used.</param>
    public static IndexPlan? For(EntityFilter filter, IReadOnlyCollection<FieldIndex> indexes) => filter switch
    {
        FieldComparison comparison => For(comparison, indexes),
        AllFilter all => ForAll(all, indexes),
        AnyFilter any => ForAny(any, indexes),
        _ => null,
    };

    private static IndexPlan? For(FieldComparison comparison, IReadOnlyCollection<FieldIndex> indexes)
    {
        foreach (FieldIndex index in indexes)
        {
            if (index.Index.Field != comparison.Field || Of(comparison) is not { } ranges) continue;
            // Whose value could not be told is always a candidate.
            ranges.Add(KeyRange.StartingWith(IndexKey.Unknown));
            int cost = comparison.Operator switch
            {
                ComparisonOperator.Equal => EqualityCost,
                ComparisonOperator.Like => PrefixCost,
                _ => HalfBoundedCost,
            };
            return new IndexPlan([(index, KeyRange.Normalize(ranges))], cost);
        }
        return null;
    }

    private static IndexPlan? ForAll(AllFilter all, IReadOnlyCollection<FieldIndex> indexes)
    {
        IndexPlan? best = null;
        var byIndex = new Dictionary<FieldIndex, IndexPlan>();
        foreach (EntityFilter part in all.Parts)
        {
            if (For(part, indexes) is not { } plan) continue;
            if (plan.Parts is [var (index, ranges)])
            {
                if (byIndex.TryGetValue(index, out IndexPlan? other))
                {
                    // Of one field only what lies in both: an upper and a lower bound, for the most part.
                    plan = new IndexPlan([(index, KeyRange.Intersect(ranges, other.Parts[0].Ranges))],
                        Math.Min(Math.Min(plan.Cost, other.Cost), BoundedCost));
                }
                byIndex[index] = plan;
            }
            if (best is null || plan.Cost < best.Cost) best = plan;
        }
        return best;
    }

    private static IndexPlan? ForAny(AnyFilter any, IReadOnlyCollection<FieldIndex> indexes)
    {
        var byIndex = new Dictionary<FieldIndex, List<KeyRange>>();
        int cost = 0;
        foreach (EntityFilter part in any.Parts)
        {
            if (For(part, indexes) is not { } plan) return null;
            cost = Math.Max(cost, plan.Cost);
            foreach ((FieldIndex index, List<KeyRange> ranges) in plan.Parts)
            {
                if (byIndex.TryGetValue(index, out List<KeyRange>? all)) all.AddRange(ranges);
                else byIndex[index] = [.. ranges];
            }
        }
        return new IndexPlan([.. byIndex.Select(p => (p.Key, KeyRange.Normalize(p.Value)))], cost + 1);
    }

    /// <summary>Where the keys lie of all that may fulfil a comparison; null where that is nearly everywhere.</summary>
    private static List<KeyRange>? Of(FieldComparison comparison)
    {
        if (comparison.Prefix is { } prefix)
            return prefix.Length == 0 ? null : [KeyRange.StartingWith(IndexKey.OfTextPrefix(prefix))];
        var ranges = new List<KeyRange>();
        if (comparison.Operator == ComparisonOperator.NotEqual) return null;
        Add(ranges, comparison.Operator, IndexKey.OfValue(comparison.Value));
        if (comparison.Value.Kind == ValueKind.String && comparison.Instant is { } instant)
            Add(ranges, comparison.Operator, IndexKey.OfInstant(instant.UtcDateTime));
        // An array equals what one of its items equals.
        if (comparison.Operator == ComparisonOperator.Equal) ranges.Add(KeyRange.StartingWith(IndexKey.Array));
        return ranges;
    }

    // Both ends are inclusive, as texts are cut and instants, too: who was found in vain is looked at once more.
    private static void Add(List<KeyRange> ranges, ComparisonOperator comparison, byte[] value) => ranges.Add(comparison switch
    {
        ComparisonOperator.Equal => KeyRange.StartingWith(value),
        ComparisonOperator.Less or ComparisonOperator.LessOrEqual => new KeyRange([value[0]], KeyRange.StartingWith(value).High),
        _ => new KeyRange(value, KeyRange.StartingWith(value[0]).High),
    });
}
