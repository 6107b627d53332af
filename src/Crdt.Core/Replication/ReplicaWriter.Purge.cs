namespace Crdt;

/// <content>Purging, in the server role.</content>
internal sealed partial class ReplicaWriter
{
    /// <summary>What everybody is known to have seen.</summary>
    public VersionVector StableVector => CausalStability.Of(OtherMembers(), Standing.Find, Authors.Vector);

    /// <summary>What a state means for a purge: done when stable, never, or nothing that is deleted.</summary>
    public (bool IsDeleted, bool IsPurgeable) LookForPurge(EntityState state) => (
        !state.Key.IsSpaceData && Purging.IsDeleted(state),
        Purging.IsPurgeable(state, null, Authors.Ids));

    /// <returns>How many of the entities were dropped, and how many no batch could drop.</returns>
    /// <exception cref="MutationException">The replica cannot write in its space.</exception>
    public (int Purged, int TooLarge) PreparePurge(IReadOnlyList<EntityKey> keys)
    {
        VersionVector stable = StableVector;
        UnitMark mark = Mark();
        try
        {
            (int purged, int tooLarge) = (0, 0);
            foreach (EntityKey key in keys)
            {
                EntitySlot slot = Cache.GetOrLoad(key);
                EntityState state = slot.Current;
                if (!Purging.IsPurgeable(state, stable, Authors.Ids)) continue;
                if (purged == 0) BeginToWrite(key);
                if (ownBound > SharedBatchLengthBytesMax) EndOwnBatch();
                if (TryAddPurge(slot, state)) purged++;
                else tooLarge++;
            }
            return (purged, tooLarge);
        }
        catch
        {
            Revert(mark);
            throw;
        }
    }

    private bool TryAddPurge(EntitySlot slot, EntityState state)
    {
        BatchColumns.Mark before = own.Position;
        int mutation = own.MutationCount;
        ref BatchColumns.MutationRow row = ref own.AddMutation();
        (row.Kind, row.EndsTransaction) = (MutationKind.Purge, true);
        row.Entity = own.Entities.GetOrAdd(slot.Key);
        ReadOnlySpan<SiblingSlot> slots = state.Slots;
        for (int at = 0, end; at < slots.Length; at = end)
        {
            FieldPath path = slots[at].Path;
            end = at + 1;
            while (end < slots.Length && slots[end].Path.Equals(path)) end++;
            if (Purging.IsKept(state, path)) continue;
            own.AddChange(path.IsRoot ? BatchColumns.RootPath : own.Paths.GetOrAdd(path));
            NameAll(slots[at..end]);
        }
        long bound = Bound(own, mutation);
        if (bound > FormatLimits.BatchLengthBytesMax / 2)
        {
            own.Truncate(before);
            return false;
        }
        own.Mutations[mutation].Timestamp = Clock.Tick();
        EntityState working = Cache.ToWorking(slot, 0);
        ChangeApplier.Apply(working, own, mutation, 0, Own.Applied + mutation + 1, OwnOthers(), Authors.Ids);
        ownBound += bound;
        return true;
    }

    private void NameAll(ReadOnlySpan<SiblingSlot> register)
    {
        LocalDot[] dots = new LocalDot[register.Length];
        for (int i = 0; i < dots.Length; i++) dots[i] = register[i].Dot;
        Array.Sort(dots, (a, b) =>
        {
            int self = (b.Author == 0).CompareTo(a.Author == 0);
            return self != 0 ? self : Authors.Ids.CompareDots(a, b);
        });
        foreach (LocalDot dot in dots)
            own.AddDot(dot.Author == 0 ? BatchColumns.Self : own.IndexOfOther(Authors.Ids[dot.Author]), dot.Sequence);
    }
}
