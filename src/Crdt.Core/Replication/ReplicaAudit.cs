using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>Replays a log without the engine: a register's siblings are what was written there and not named since.</summary>
internal static class ReplicaAudit
{
    private readonly record struct Written(Dot Dot, ReplicaRole Role);

    /// <param name="mutations">The log up to the moment of the view.</param>
    /// <param name="view">The state at that moment.</param>
    public static AuditReport Run(IEnumerable<Mutation> mutations, ReplicaView view)
    {
        var live = new Dictionary<(EntityKey Key, FieldPath Path), List<Written>>();
        (long count, long written, long replaced) = (0, 0, 0);
        foreach (Mutation mutation in mutations)
        {
            count++;
            foreach (Change change in mutation.Changes)
            {
                // What a mark names stays held; only what it adds again is new.
                if (change.Marks is MarkKind.Lost or MarkKind.Refused or MarkKind.Carried) continue;
                ref List<Written>? dots = ref CollectionsMarshal.GetValueRefOrAddDefault(
                    live, (mutation.Key, change.Path), out _);
                dots ??= [];
                bool replacesOwn = change.Path.Rule == ReplaceRule.Own;
                bool sparesOthers = mutation.Role == ReplicaRole.Client && mutation.Key.IsSpaceData;
                replaced += dots.RemoveAll(w =>
                    ((replacesOwn && w.Dot.Replica == mutation.Dot.Replica) || change.Observed.Contains(w.Dot))
                    && !(sparesOthers && w.Role != ReplicaRole.Client));
                if (change.Value is null && change.Marks is null) continue;
                dots.Add(new Written(mutation.Dot, mutation.Role));
                written++;
            }
        }
        var unaccounted = new List<UnaccountedSibling>();
        long held = 0;
        foreach (IGrouping<EntityKey, KeyValuePair<(EntityKey Key, FieldPath Path), List<Written>>> entity in live.GroupBy(l => l.Key.Key))
            held += Compare(entity.Key, entity, view.GetWithDeleted(entity.Key), unaccounted);
        return new AuditReport(count, written, replaced, held, unaccounted);
    }

    private static long Compare(
        EntityKey key, IEnumerable<KeyValuePair<(EntityKey Key, FieldPath Path), List<Written>>> registers, Entity? entity,
        List<UnaccountedSibling> unaccounted)
    {
        var held = new HashSet<(FieldPath, Dot)>(entity?.AllSiblings() ?? []);
        long expected = 0;
        foreach (((EntityKey _, FieldPath path), List<Written> dots) in registers)
        {
            foreach ((Dot dot, ReplicaRole _) in dots)
            {
                if (held.Remove((path, dot))) expected++;
                else unaccounted.Add(new UnaccountedSibling(key, path, dot, IsHeld: false));
            }
        }
        foreach ((FieldPath path, Dot dot) in held) unaccounted.Add(new UnaccountedSibling(key, path, dot, IsHeld: true));
        return expected;
    }
}
