using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>Replays a log without the engine: a register's siblings are what was written there and not named since.</summary>
internal static class ReplicaAudit
{
    /// <param name="mutations">The log up to the moment of the view.</param>
    /// <param name="view">The state at that moment.</param>
    public static AuditReport Run(IEnumerable<Mutation> mutations, ReplicaView view)
    {
        var live = new Dictionary<(EntityKey Key, FieldPath Path), List<Dot>>();
        (long count, long written, long replaced) = (0, 0, 0);
        foreach (Mutation mutation in mutations)
        {
            count++;
            foreach (Change change in mutation.Changes)
            {
                ref List<Dot>? dots = ref CollectionsMarshal.GetValueRefOrAddDefault(
                    live, (mutation.Key, change.Path), out _);
                dots ??= [];
                bool replacesOwn = change.Path.Rule == ReplaceRule.Own;
                replaced += dots.RemoveAll(d =>
                    (replacesOwn && d.Replica == mutation.Dot.Replica) || change.Observed.Contains(d));
                if (change.Value is null) continue;
                dots.Add(mutation.Dot);
                written++;
            }
        }
        var unaccounted = new List<UnaccountedSibling>();
        long held = 0;
        foreach (IGrouping<EntityKey, KeyValuePair<(EntityKey Key, FieldPath Path), List<Dot>>> entity in live.GroupBy(l => l.Key.Key))
            held += Compare(entity.Key, entity, view.GetWithDeleted(entity.Key), unaccounted);
        return new AuditReport(count, written, replaced, held, unaccounted);
    }

    private static long Compare(
        EntityKey key, IEnumerable<KeyValuePair<(EntityKey Key, FieldPath Path), List<Dot>>> registers, Entity? entity,
        List<UnaccountedSibling> unaccounted)
    {
        var held = new HashSet<(FieldPath, Dot)>(entity?.AllSiblings() ?? []);
        long expected = 0;
        foreach (((EntityKey _, FieldPath path), List<Dot> dots) in registers)
        {
            foreach (Dot dot in dots)
            {
                if (held.Remove((path, dot))) expected++;
                else unaccounted.Add(new UnaccountedSibling(key, path, dot, IsHeld: false));
            }
        }
        foreach ((FieldPath path, Dot dot) in held) unaccounted.Add(new UnaccountedSibling(key, path, dot, IsHeld: true));
        return expected;
    }
}
