namespace Crdt;

/// <summary>An entity's siblings as readers take them: without what was refused, with what that had replaced in its
/// place (semantics 7). What is replaced by a write is another matter: that is what is held.</summary>
/// <remarks>A function of the siblings, the policies and the refused dots alone. Law: 6, 7.</remarks>
internal readonly ref struct EffectiveState(
    EntityState state, ReplicaTable replicas, TypePolicies policies, RefusedDots refusals)
{
    private readonly EntityState state = state;
    private readonly ReplicaTable replicas = replicas;
    private readonly TypePolicies policies = policies;
    private readonly RefusedDots refusals = refusals;

    /// <summary>The state itself where nothing in it was refused.</summary>
    public static EntityState Of(
        EntityState state, ReplicaTable replicas, TypePolicies policies, RefusedDots refusals) =>
        state.HasRefusals ? new EffectiveState(state, replicas, policies, refusals).Build() : state;

    /// <summary>Whether readers take the entity for alive: its root alone decides, however much there is beside.</summary>
    public static bool IsAlive(EntityState state, ReplicaTable replicas, TypePolicies policies, RefusedDots refusals)
    {
        ReadOnlySpan<SiblingSlot> root = state.Root;
        if (!HasRefusals(root)) return Existence.IsAlive(state, replicas, policies.Existence);
        var effective = new EntityState(state.Key);
        new EffectiveState(state, replicas, policies, refusals).AppendRegister(effective, FieldPath.Root, root);
        effective.Trim();
        return Existence.IsAlive(effective, replicas, policies.Existence);
    }

    private EntityState Build()
    {
        var effective = new EntityState(state.Key);
        ReadOnlySpan<SiblingSlot> slots = state.Slots;
        for (int at = 0, end; at < slots.Length; at = end)
        {
            FieldPath path = slots[at].Path;
            end = at + 1;
            while (end < slots.Length && slots[end].Path.Equals(path)) end++;
            ReadOnlySpan<SiblingSlot> register = slots[at..end];
            if (path.IsOffset) AppendRepeated(effective, path.Parent, register);
            else if (path.IsCounter) AppendCounter(effective, register);
            else if (!HasRefusals(register)) Append(effective, register);
            else AppendRegister(effective, path, register);
        }
        effective.Trim();
        return effective;
    }

    private static void Append(EntityState effective, ReadOnlySpan<SiblingSlot> register)
    {
        foreach (ref readonly SiblingSlot slot in register) effective.Append(slot);
    }

    private static bool HasRefusals(ReadOnlySpan<SiblingSlot> register)
    {
        foreach (ref readonly SiblingSlot slot in register)
        {
            if (slot.IsRefused || slot.Extra is { } extra && extra.StandsFor != default) return true;
        }
        return false;
    }

    // ---- counters ----

    /// <summary>The totals, and for each increment that was refused its opposite, once, while its author's total still
    /// contains it.</summary>
    private void AppendCounter(EntityState effective, ReadOnlySpan<SiblingSlot> totals)
    {
        Append(effective, totals);
        FieldPath counter = totals[0].Path;
        ReadOnlySpan<SiblingSlot> below = state.Below(counter);
        for (int at = 0, end; at < below.Length; at = end)
        {
            FieldPath path = below[at].Path;
            int latest = -1;
            for (end = at; end < below.Length && below[end].Path.Equals(path); end++)
            {
                // Whoever wrote it: two servers took back the same increment, and all replicas take the same of them.
                if (below[end].Extra is not { } extra || extra.StandsFor == default) continue;
                if (latest < 0 || replicas.Compare(below[end], below[latest]) > 0) latest = end;
            }
            if (!path.IsOffset || latest < 0 || !Contains(totals, below[latest].Extra!.StandsFor)) continue;
            effective.Append(new SiblingSlot(counter, below[latest].Dot, below[latest].Timestamp, below[latest].Value, null));
        }
    }

    /// <summary>An increment that was written again beyond a fence, once, whoever did it: two copies of a device may both
    /// write again what they had in common.</summary>
    private void AppendRepeated(EntityState effective, FieldPath counter, ReadOnlySpan<SiblingSlot> register)
    {
        int latest = -1;
        for (int i = 0; i < register.Length; i++)
        {
            if (!register[i].IsRepeatedIncrement || register[i].IsRefused) continue;
            if (latest < 0 || replicas.Compare(register[i], register[latest]) > 0) latest = i;
        }
        if (latest < 0) return;
        effective.Append(new SiblingSlot(counter, register[latest].Dot, register[latest].Timestamp, register[latest].Value, null));
    }

    private static bool Contains(ReadOnlySpan<SiblingSlot> totals, LocalDot increment)
    {
        foreach (ref readonly SiblingSlot total in totals)
        {
            if (total.Dot.Author == increment.Author && total.Extra!.CounterStart <= increment.Sequence
                && increment.Sequence <= total.Dot.Sequence) return true;
        }
        return false;
    }

    // ---- all else ----

    private void AppendRegister(EntityState effective, FieldPath path, ReadOnlySpan<SiblingSlot> register)
    {
        var live = new List<SiblingSlot>(register.Length);
        var restored = new List<SiblingSlot>();
        foreach (ref readonly SiblingSlot slot in register)
        {
            LocalDot origin = OriginOf(slot);
            if (slot.IsRefused || (origin != slot.Dot && refusals.IsRefused(origin))) continue;
            (origin == slot.Dot ? live : restored).Add(slot);
        }
        SiblingMarks? all = null;
        foreach (ref readonly SiblingSlot slot in register)
        {
            // As one set: what two refused siblings had replaced both, both marks tell of.
            if (slot.IsRefused) all = SiblingMarks.Union(all, slot.Extra!.Marks!, replicas);
        }
        if (all is { Restored.Length: > 0 }) Restore(all.Restored, path, live, restored);
        foreach (SiblingSlot slot in live) effective.Append(slot);
        foreach (SiblingSlot slot in restored)
        {
            if (!IsReplaced(path, slot, live) && !IsReplaced(path, slot, restored)) effective.Append(slot);
        }
    }

    /// <summary>Adds what the refused ones had replaced, each once.</summary>
    private void Restore(RestoredSibling[] replaced, FieldPath path, List<SiblingSlot> live, List<SiblingSlot> restored)
    {
        var known = new HashSet<ulong>(live.Count + restored.Count + replaced.Length);
        foreach (SiblingSlot slot in live) known.Add(OriginOf(slot).Identity);
        foreach (SiblingSlot slot in restored) known.Add(OriginOf(slot).Identity);
        foreach (RestoredSibling sibling in replaced)
        {
            if (!refusals.IsRefused(sibling.Dot) && known.Add(sibling.Dot.Identity)) restored.Add(sibling.ToSlot(path));
        }
    }

    /// <summary>Whose place in history the sibling has: its own, or that of the one that it stands for.</summary>
    private static LocalDot OriginOf(in SiblingSlot slot) =>
        slot.Extra is { } extra && extra.StandsFor != default ? extra.StandsFor : slot.Dot;

    /// <summary>Whether what is read again had been replaced by another unrefused sibling as well: by what that one
    /// remembers, or where nothing is remembered by its time.</summary>
    private bool IsReplaced(FieldPath path, in SiblingSlot slot, List<SiblingSlot> others)
    {
        bool remembers = path.IsRoot
            || (path.Kind == PathKind.Key && policies.For(path) is ConflictPolicy.Manual or ConflictPolicy.FirstWriteWins);
        if (!remembers && path.Kind != PathKind.Key) return false;
        LocalDot origin = OriginOf(slot);
        foreach (SiblingSlot other in others)
        {
            if (OriginOf(other).Identity == origin.Identity) continue;
            if (remembers ? Remembers(other, origin) : replicas.Compare(other, slot) > 0) return true;
        }
        return false;
    }

    private static bool Remembers(in SiblingSlot slot, LocalDot dot)
    {
        foreach (LocalDot replaced in slot.Extra?.Replaced ?? [])
        {
            if (replaced.Author == dot.Author && replaced.Sequence >= dot.Sequence) return true;
        }
        return false;
    }
}
