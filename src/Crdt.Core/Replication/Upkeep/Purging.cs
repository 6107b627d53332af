namespace Crdt;

/// <summary>Which deleted entities may be dropped for good (semantics 5).</summary>
/// <remarks>Once everybody has seen every sibling of an entity that is deleted and nothing else, only a create acts on it
/// anywhere, and a create leaves nothing of what stood there before: so to drop that changes no read, whatever was
/// written meanwhile. A counter is another matter: a create counts back what it sees, and an author goes on from its own
/// total, so what does not stand at zero has to stay.</remarks>
internal static class Purging
{
    /// <param name="held">The siblings that are held.</param>
    /// <param name="stable">What everybody has seen; <see langword="null"/> asks whether time alone is missing.</param>
    /// <param name="replicas">Names the siblings' authors.</param>
    public static bool IsPurgeable(EntityState held, VersionVector? stable, ReplicaTable replicas)
    {
        if (held.Key.IsSpaceData || !IsDeleted(held)) return false;
        foreach (ref readonly SiblingSlot slot in held.Slots)
        {
            if (stable?.Covers(replicas.Resolve(slot.Dot)) == false) return false;
            if (slot.Path.IsRoot && slot.IsRefused) return false;
        }
        return true;
    }

    /// <summary>Whether a register is left by a purge: running totals that are not zero, what was taken back of them, and
    /// whatever else goes by the same rule.</summary>
    public static bool IsKept(EntityState held, FieldPath path)
    {
        if (path.IsOffset) return true;
        if (path.Rule != ReplaceRule.Own) return false;
        if (!held.Below(path).IsEmpty) return true;
        foreach (ref readonly SiblingSlot slot in held.At(path))
        {
            if (!path.IsCounter || slot.Value != Value.From(0)) return true;
        }
        return false;
    }

    /// <summary>Whether every root sibling is a delete: then the entity is deleted under any policy.</summary>
    public static bool IsDeleted(EntityState held) => !held.Slots.IsEmpty && held.Slots[0].Path.IsRoot
        && held.Slots[0].Value == Value.False && !Existence.IsDisputed(held);
}
