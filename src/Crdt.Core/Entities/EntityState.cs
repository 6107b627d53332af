using System.Buffers;
using System.Runtime.CompilerServices;

namespace Crdt;

/// <summary>The siblings of one entity, sorted by path. Immutable once published; until then its single writer
/// changes it. The one place where a change meets the siblings it replaces.</summary>
internal sealed class EntityState(EntityKey key)
{
    private SiblingSlot[] slots = [];
    private int count;
    private bool isBorrowed;

    // These stick to whatever is made of this state: then each sibling is looked at.
    private Traits traits;

    // Only trimming takes this one back.
    private bool mayHaveConcurrent;

    public EntityKey Key { get; } = key;

    /// <summary>The commit that published it; readers of an earlier view follow <see cref="Previous"/>.</summary>
    public long Epoch { get; set; }

    /// <summary>The state before, kept only while a reader's view is older than this one.</summary>
    public EntityState? Previous { get; set; }

    public ReadOnlySpan<SiblingSlot> Slots => slots.AsSpan(0, count);

    /// <summary>Whether siblings may lie elsewhere than at the root and at plain fields: below, or beside the keys. May say
    /// yes too often.</summary>
    public bool MayBeDeep { get; private set; }

    /// <summary>Whether there is just one sibling at each path, and each path is the root or a plain field's, and nothing was
    /// refused: no two can be at odds. May say no too often.</summary>
    public bool IsPlain => (traits & Traits.Refusals) == 0 && !MayBeDeep && !mayHaveConcurrent;

    /// <summary>The siblings at the root, which come first.</summary>
    public ReadOnlySpan<SiblingSlot> Root
    {
        get
        {
            int length = 0;
            while (length < count && slots[length].Path.IsRoot) length++;
            return slots.AsSpan(0, length);
        }
    }

    /// <summary>A copy to change, with room for just <paramref name="more"/> siblings: where that is what it comes to,
    /// <see cref="Trim"/> has nothing to do.</summary>
    public EntityState ToWorking(int more)
    {
        var copy = new EntityState(Key)
        {
            slots = count + more == 0 ? [] : new SiblingSlot[count + more],
            count = count,
            traits = traits,
            mayHaveConcurrent = mayHaveConcurrent,
            MayBeDeep = MayBeDeep,
        };
        Slots.CopyTo(copy.slots);
        return copy;
    }

    /// <summary>Takes as much memory as it needs, and gives back what was borrowed.</summary>
    public void Trim()
    {
        if (mayHaveConcurrent) mayHaveConcurrent = HasConcurrent();
        if (!isBorrowed && slots.Length == count) return;
        SiblingSlot[] exact = Slots.ToArray();
        if (isBorrowed)
        {
            Array.Clear(slots, 0, count);
            ArrayPool<SiblingSlot>.Shared.Return(slots);
        }
        (slots, isBorrowed) = (exact, false);
    }

    /// <summary>Where the siblings at exactly <paramref name="path"/> begin (or would), and how many there are.</summary>
    public (int Start, int Length) Find(FieldPath path)
    {
        ReadOnlySpan<SiblingSlot> all = Slots;
        int start = LowerBound(all, path);
        int end = start;
        while (end < all.Length && all[end].Path.Equals(path)) end++;
        return (start, end - start);
    }

    /// <summary>The siblings at exactly <paramref name="path"/>.</summary>
    public ReadOnlySpan<SiblingSlot> At(FieldPath path)
    {
        (int start, int length) = Find(path);
        return Slots.Slice(start, length);
    }

    /// <summary>The siblings strictly below <paramref name="path"/>: they follow it without a gap.</summary>
    public ReadOnlySpan<SiblingSlot> Below(FieldPath path)
    {
        (int start, int length) = Find(path);
        int end = start + length;
        while (end < count && slots[end].Path.IsBelow(path)) end++;
        return Slots[(start + length)..end];
    }

    /// <summary>The survivor rule: drops the siblings at <paramref name="path"/> that the change observed (and, by the
    /// path's rule, the author's own), adds the new one, if any. Nothing else.</summary>
    /// <param name="path">The register.</param>
    /// <param name="author">Index of the change's author.</param>
    /// <param name="observed">What the author saw there and replaces: <see cref="LocalDot.Identity"/> of each.</param>
    /// <param name="addition">The new sibling; its path is <paramref name="path"/>.</param>
    /// <param name="role">The role in which the change was written: of the space's own data a client replaces only
    /// what clients wrote, so that it cannot take away what it could not have written.</param>
    public void Apply(
        FieldPath path, int author, ReadOnlySpan<ulong> observed, in SiblingSlot? addition, ReplicaRole role)
    {
        (int start, int length) = Find(path);
        bool replacesOwn = path.Rule == ReplaceRule.Own;
        bool sparesOthers = role == ReplicaRole.Client && Key.IsSpaceData;
        if (FenceEntity.IsKey(Key))
        {
            // Fences are final.
            observed = [];
            replacesOwn = false;
        }
        int kept = start;
        for (int i = start; i < start + length; i++)
        {
            LocalDot dot = slots[i].Dot;
            bool isReplaced = (replacesOwn && dot.Author == author) || observed.Contains(dot.Identity);
            if (isReplaced && !(sparesOthers && dot.Role != ReplicaRole.Client)) continue;
            if (kept != i) slots[kept] = slots[i];
            kept++;
        }
        Splice(kept, start + length, addition);
    }

    /// <summary>Marks the siblings at <paramref name="path"/> that are named and still held; replaces none.</summary>
    public void Annotate(FieldPath path, ReadOnlySpan<ulong> named, SiblingMarks marks, ReplicaTable replicas)
    {
        (int start, int length) = Find(path);
        for (int i = start; i < start + length; i++)
        {
            if (named.Contains(slots[i].Dot.Identity)) Unite(i, marks, replicas);
        }
    }

    /// <summary>Adds marks to the sibling at an index.</summary>
    public void Unite(int index, SiblingMarks marks, ReplicaTable replicas)
    {
        SiblingSlot slot = slots[index];
        SiblingExtra extra = slot.Extra ?? new SiblingExtra(default, 0, []);
        slots[index] = new SiblingSlot(slot.Path, slot.Dot, slot.Timestamp, slot.Value,
            extra with { Marks = SiblingMarks.Union(extra.Marks, marks, replicas) });
        if (IsOfRefusal(slots[index])) traits |= Traits.Refusals;
    }

    /// <summary>Whether a sibling's value names a blob.</summary>
    public bool NamesBlobs
    {
        get
        {
            if ((traits & Traits.Blobs) == 0) return false;
            foreach (ref readonly SiblingSlot slot in Slots)
            {
                if (slot.Value.NamesBlobs) return true;
            }
            return false;
        }
    }

    /// <summary>Whether a sibling is refused, or stands for an increment that was, or for one that was written again: then
    /// readers look at <see cref="EffectiveState"/>.</summary>
    public bool HasRefusals
    {
        get
        {
            if ((traits & Traits.Refusals) == 0) return false;
            foreach (ref readonly SiblingSlot slot in Slots)
            {
                if (IsOfRefusal(slot)) return true;
            }
            return false;
        }
    }

    private static bool IsOfRefusal(in SiblingSlot slot) =>
        (slot.Extra is { } extra && (extra.StandsFor != default || extra.Marks is { IsRefused: true })) || slot.IsRepeatedIncrement;

    /// <summary>Drops all siblings of a working state.</summary>
    public void Clear()
    {
        slots.AsSpan(0, count).Clear();
        count = 0;
    }

    /// <summary>Appends a sibling that comes last; for building a state from sorted input.</summary>
    public void Append(in SiblingSlot slot) => Splice(count, count, slot);

    private bool HasConcurrent()
    {
        for (int i = 1; i < count; i++)
        {
            if (slots[i].Path.Equals(slots[i - 1].Path)) return true;
        }
        return false;
    }

    private void Splice(int from, int to, in SiblingSlot? addition)
    {
        int grow = (addition is null ? 0 : 1) - (to - from);
        if (count + grow > slots.Length) Grow(count + grow);
        if (grow != 0 && to < count) slots.AsSpan(to, count - to).CopyTo(slots.AsSpan(to + grow));
        if (addition is { } slot)
        {
            slots[from] = slot;
            FieldPath path = slot.Path;
            MayBeDeep |= !path.IsRoot && !path.IsField;
            mayHaveConcurrent |= from > 0 && slots[from - 1].Path.Equals(path);
            if (IsOfRefusal(slot)) traits |= Traits.Refusals;
            if (slot.Value.NamesBlobs) traits |= Traits.Blobs;
        }
        int before = count;
        count += grow;
        // References past the end would keep dropped values alive.
        if (count < before) slots.AsSpan(count, before - count).Clear();
    }

    private void Grow(int length)
    {
        SiblingSlot[] larger = ArrayPool<SiblingSlot>.Shared.Rent(length);
        Slots.CopyTo(larger);
        if (isBorrowed)
        {
            Array.Clear(slots, 0, count);
            ArrayPool<SiblingSlot>.Shared.Return(slots);
        }
        (slots, isBorrowed) = (larger, true);
    }

    [Flags]
    private enum Traits : byte
    {
        Refusals = 1,
        Blobs = 2,
    }

    private static int LowerBound(ReadOnlySpan<SiblingSlot> all, FieldPath path)
    {
        if (path.IsRoot) return 0;
        // Interned paths make the common case a scan by reference; the order decides the rest.
        if (all.Length <= 12)
        {
            for (int i = 0; i < all.Length; i++)
            {
                if (all[i].IsPlainAt(path)) return FirstOf(all, i);
            }
        }
        int low = 0, high = all.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (all[middle].Path.CompareTo(path) < 0) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int FirstOf(ReadOnlySpan<SiblingSlot> all, int i)
    {
        // The same path may occur as an equal object that is not the same one.
        while (i > 0 && all[i - 1].Path.Equals(all[i].Path)) i--;
        return i;
    }
}
