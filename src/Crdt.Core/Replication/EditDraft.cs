using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>What an edit is about to write: takes its steps one after the other, each upon what the ones before leave.</summary>
/// <remarks>Owned by the replica's single writer; reused from edit to edit.</remarks>
internal sealed class EditDraft(ReplicaTable replicas)
{
    // What the edit itself has put so far, as it stands in the view: newer than all else, seen by its author.
    private static readonly LocalDot Draft = new(0, Dot.SequenceMax, ReplicaRole.Server);

    // What is to be done at each path, in the order of the first step there.
    private readonly FirstUseTable<FieldPath> paths = new();
    private readonly List<Pending> pending = [];
    private readonly List<ulong> replaced = [];

    private EntityState state = null!;
    private EntityState effective = null!;
    private TypePolicies policies = TypePolicies.Default;
    private EntityEdit edit = null!;

    // The entity as the steps so far leave it. It is the state itself while they cannot touch each other.
    private EntityState view = null!;

    // What a document is compared with: the entity as the person saw it, where that is known.
    private EntityState? seen;
    private bool isDetached, hasNested;

    /// <summary>A change to be: a value, a removal, or an increment.</summary>
    public record struct Pending(bool HasValue, Value Value);

    public Pending this[FieldPath path] => pending[paths.IndexOf(path)];

    /// <param name="source">The edit.</param>
    /// <param name="before">What is held.</param>
    /// <param name="effective">What of it readers take.</param>
    /// <param name="typePolicies">Policies of the type.</param>
    public void Begin(EntityEdit source, EntityState before, EntityState effective, TypePolicies typePolicies)
    {
        (edit, state, policies, view, this.effective) = (source, before, typePolicies, effective, effective);
        seen = source.Seen?.StateIn(replicas);
        paths.Clear();
        pending.Clear();
        isDetached = hasNested = false;
    }

    /// <summary>Whether the person had seen the sibling, and so replaces it.</summary>
    public bool IsSeen(in SiblingSlot slot)
    {
        if (edit.Basis is not { } basis) return true;
        Dot dot = replicas.Resolve(slot.Dot);
        return basis.Covers(dot) || (edit.SeenBeside is { } beside && (beside.Contains(dot)
            || (dot.Replica == edit.TransactionStart.Replica && dot.Sequence >= edit.TransactionStart.Sequence)));
    }

    /// <summary>Making a deleted entity again first removes every field sibling that is held.</summary>
    public void ForgetFields()
    {
        foreach (ref readonly SiblingSlot slot in state.Slots)
        {
            if (!slot.Path.IsRoot) Drop(slot.Path.IsOffset ? slot.Path.Parent : slot.Path);
        }
    }

    /// <exception cref="MutationException">A name in it cannot be a path, or a counter would leave 64 bits.</exception>
    public void Take(in EditStep step)
    {
        if (!isDetached && !IsAlone(step)) Detach();
        switch (step.Kind)
        {
            case EditStepKind.Set:
                Set(step.Path, step.Value);
                break;
            case EditStepKind.Remove:
                Remove(step.Path);
                break;
            case EditStepKind.Increment:
                Increment(step.Path, step.Value.AsInteger());
                break;
            case EditStepKind.Add:
                ClearAncestors(step.Path);
                Put(step.Path, new Pending(true, Value.True));
                break;
            case EditStepKind.Discard:
                if (!view.At(step.Path).IsEmpty) Drop(step.Path);
                break;
            case EditStepKind.Write:
                Write(step.Type!, step.Path, step.Value);
                break;
            case EditStepKind.Patch:
                PatchMap(FieldPath.Root, step.Value);
                break;
            default:
                ReplaceMap(FieldPath.Root, step.Value);
                break;
        }
    }

    /// <summary>The paths with something to do, in order: a removal of nothing is none.</summary>
    public void CollectChanges(List<FieldPath> order)
    {
        order.Clear();
        for (int i = 0; i < pending.Count; i++)
        {
            (FieldPath path, Pending change) = (paths[i], pending[i]);
            bool isIdle = path.IsCounter ? change.Value.AsInteger() == 0 : !change.HasValue && !HasSeen(state, path);
            if (!isIdle) order.Add(path);
        }
        if (order.Count > 1) order.Sort();
    }

    public MutationException Overflow(FieldPath counter) => new(MutationError.CounterOverflow, edit.Key, counter,
        $"The counter '{counter}' of {edit.Key} would leave 64 bits.");

    // ---- the view ----

    /// <summary>Whether a step neither sees nor disturbs what stands elsewhere in the draft: plain fields, each once.</summary>
    private bool IsAlone(in EditStep step) => step.Kind is EditStepKind.Set or EditStepKind.Remove && !hasNested
        && step.Path.IsField && paths.IndexOf(step.Path) < 0
        && !(step.Value.Kind == ValueKind.Object && policies.For(step.Path) == ConflictPolicy.Merge);

    private void Detach()
    {
        view = effective.ToWorking(4);
        isDetached = true;
        for (int i = 0; i < pending.Count; i++) Show(paths[i], pending[i]);
    }

    private void Put(FieldPath path, Pending change)
    {
        int at = paths.GetOrAdd(path);
        if (at == pending.Count) pending.Add(change);
        else pending[at] = change;
        hasNested |= !path.IsField;
        if (isDetached) Show(path, change);
    }

    private void Show(FieldPath path, Pending change)
    {
        replaced.Clear();
        SiblingSlot? addition = null;
        if (path.IsCounter)
        {
            SiblingSlot? own = OwnTotal(path);
            addition = change.Value.AsInteger() == 0 ? own : new SiblingSlot(path, Draft, new(ulong.MaxValue),
                unchecked((own?.Value.AsInteger() ?? 0) + change.Value.AsInteger()), null);
        }
        else
        {
            foreach (ref readonly SiblingSlot slot in view.At(path))
            {
                if (IsDraftOrSeen(slot)) replaced.Add(slot.Dot.Identity);
            }
            if (change.HasValue) addition = new SiblingSlot(path, Draft, new(ulong.MaxValue), change.Value, null);
        }
        view.Apply(path, author: 0, CollectionsMarshal.AsSpan(replaced), addition, ReplicaRole.Server);
    }

    private SiblingSlot? OwnTotal(FieldPath counter)
    {
        foreach (ref readonly SiblingSlot slot in state.At(counter))
        {
            if (slot.Dot.Author == 0) return slot;
        }
        return null;
    }

    private bool IsDraftOrSeen(in SiblingSlot slot) => slot.Dot == Draft || IsSeen(slot);

    private bool HasSeen(EntityState entity, FieldPath path)
    {
        foreach (ref readonly SiblingSlot slot in entity.At(path))
        {
            if (IsDraftOrSeen(slot)) return true;
        }
        return false;
    }

    private EntityTree Tree => new(view, replicas, policies);

    private EntityTree Baseline => new(seen ?? view, replicas, policies);

    // ---- steps ----

    private void Set(FieldPath path, Value value)
    {
        if (value.Kind == ValueKind.Object && edit.Kind != EditKind.Resolve && policies.For(path) == ConflictPolicy.Merge)
            SetMerged(path, value);
        else SetWhole(path, value);
    }

    private void SetWhole(FieldPath path, Value value)
    {
        Clear(path);
        Put(path, new Pending(true, value));
    }

    /// <summary>Deep merge: only what differs is written, member by member. What stands there as one value, or as
    /// something else than a map, becomes paths by this write, once.</summary>
    private void SetMerged(FieldPath path, Value value)
    {
        if (value.AsObject().Count == 0 && Tree.Read(path) == value) return;
        if (value.AsObject().Count > 0 && Tree.SideOf(path) == NameSide.Map) ReplaceMap(path, value);
        else SetDeep(path, value);
    }

    /// <summary>Writes a document's member: an object as a map, all else as a value.</summary>
    private void SetDeep(FieldPath path, Value value)
    {
        Clear(path);
        PutDeep(path, value);
    }

    private void PutDeep(FieldPath path, Value value)
    {
        if (value.Kind != ValueKind.Object || value.AsObject().Count == 0)
        {
            Put(path, new Pending(true, value));
            return;
        }
        if (!view.At(path).IsEmpty) Drop(path);
        foreach ((string name, Value member) in value.AsObject()) PutDeep(Member(path, name), member);
    }

    private void Remove(FieldPath path)
    {
        bool isHeld = !view.At(path).IsEmpty || !view.Below(path).IsEmpty || HasBeside(path) || IsInsideValue(path);
        if (!isHeld) return;
        Clear(path);
        Drop(path);
    }

    private void CountTo(FieldPath counter, long total)
    {
        foreach (ref readonly SiblingSlot slot in seen is null ? state.At(counter) : default)
        {
            if (IsSeen(slot)) continue;
            throw new MutationException(MutationError.CountedMeanwhile, edit.Key, counter,
                $"Others have counted '{counter}' of {edit.Key} since the version that the document is based on.");
        }
        Int128 by = total - EntityTree.Sum((seen ?? view).At(counter));
        if (by < long.MinValue || by > long.MaxValue) throw Overflow(counter);
        Increment(counter, (long)by);
    }

    private void Increment(FieldPath counter, long by)
    {
        FieldPath name = counter.Parent.Key(counter.Name);
        ClearAncestors(name);
        ClearBelow(name);
        if (!view.At(name).IsEmpty) Drop(name);
        ClearBeside(name, counter);
        int known = paths.IndexOf(counter);
        Int128 sum = (Int128)(known < 0 ? 0 : pending[known].Value.AsInteger()) + by;
        if (sum < long.MinValue || sum > long.MaxValue) throw Overflow(counter);
        Put(counter, new Pending(true, (long)sum));
    }

    /// <summary>Writes to the register of a data type of one's own.</summary>
    private void Write(DataType type, FieldPath path, Value argument)
    {
        FieldPath name = path.AsKey();
        ClearAncestors(name);
        ClearBelow(name);
        if (!view.At(name).IsEmpty) Drop(name);
        ClearBeside(name, path);
        var replaces = new List<SiblingSlot>();
        foreach (ref readonly SiblingSlot slot in view.At(path))
        {
            if (type.Rule == ReplaceRule.Own ? slot.Dot.Author == 0 : IsDraftOrSeen(slot)) replaces.Add(slot);
        }
        Put(path, new Pending(true, type.Store(argument, replicas.Describe(CollectionsMarshal.AsSpan(replaces)))));
    }

    private void PatchMap(FieldPath map, Value patch)
    {
        foreach ((string name, Value member) in patch.AsObject())
        {
            FieldPath path = Member(map, name);
            if (member.IsNull) Remove(path);
            else if (member.Kind != ValueKind.Object) Set(path, member);
            else
            {
                Value? now = Tree.Read(path);
                if (JsonMergePatch.Apply(now ?? Value.Null, member) != Value.EmptyObject) PatchMap(path, member);
                else if (now != Value.EmptyObject) SetWhole(path, Value.EmptyObject);
            }
        }
    }

    private void ReplaceMap(FieldPath map, Value document)
    {
        Value? current = map.IsRoot ? Value.FromTrusted(Baseline.Members(FieldPath.Root, null)) : Baseline.Read(map);
        foreach ((string name, Value _) in current is { Kind: ValueKind.Object } c ? c.AsObject() : [])
        {
            if (!document.TryGetMember(name, out _)) Remove(Member(map, name));
        }
        foreach ((string name, Value member) in document.AsObject())
        {
            FieldPath path = Member(map, name);
            if (Baseline.Read(path) == member) continue;
            switch (Tree.SideOf(path))
            {
                case NameSide.Map when member.Kind == ValueKind.Object && member.AsObject().Count > 0:
                    ReplaceMap(path, member);
                    break;
                case NameSide.Counter when member.Kind == ValueKind.Integer:
                    CountTo(path.AsCounter(), member.AsInteger());
                    break;
                case NameSide.Set when member.Kind == ValueKind.Array && member.AsArray().Count > 0
                    && member.AsArray().All(IsElement):
                    ReplaceSet(path, member);
                    break;
                default:
                    SetDeep(path, member);
                    break;
            }
        }
    }

    private void ReplaceSet(FieldPath set, Value elements)
    {
        var wanted = elements.AsArray().Select(e => e.AsString()).ToHashSet(StringComparer.Ordinal);
        foreach (FieldPath path in PathsBelow(seen ?? view, set))
        {
            if (path.Kind == PathKind.Element && !wanted.Remove(path.Name)) Drop(path);
        }
        foreach (string element in wanted)
        {
            FieldPath path = set.Element(element);
            ClearAncestors(path);
            Put(path, new Pending(true, Value.True));
        }
    }

    /// <summary>The path of a document's member, whose name need not be one for a path.</summary>
    private FieldPath Member(FieldPath map, string name)
    {
        try
        {
            return map.Key(name);
        }
        catch (ArgumentException e)
        {
            throw new MutationException(MutationError.BadPath, edit.Key, map,
                $"The member '{name}' at '{map}' of {edit.Key} cannot be a field: {e.Message}");
        }
    }

    private static bool IsElement(Value value) => value.Kind == ValueKind.String
        && Utf8Name.Strict.GetByteCount(value.AsString()) is > 0 and <= FormatLimits.NameLengthBytesMax;

    // ---- making room ----

    /// <summary>Replaces what was observed around a path that is to be written: other kinds above it, all below it, and
    /// what stands beside it under its name.</summary>
    private void Clear(FieldPath path)
    {
        if (path.IsField && !view.MayBeDeep) return;
        ClearAncestors(path);
        ClearBelow(path);
        ClearBeside(path);
    }

    /// <summary>Writing below a path replaces what was observed there of another kind; an object that stood there as
    /// one value keeps its other members, as paths.</summary>
    private void ClearAncestors(FieldPath path)
    {
        if (path.Depth < 2) return;
        ExpandAncestors(path);
        PathKind child = path.Kind;
        for (FieldPath at = path.Parent; !at.IsRoot; at = at.Parent)
        {
            if (!view.At(at).IsEmpty) Drop(at);
            ClearBeside(at);
            foreach (FieldPath below in PathsBelow(view, at))
            {
                bool isElement = below.Kind == PathKind.Element && below.Depth == at.Depth + 1;
                if (isElement != (child == PathKind.Element)) Drop(below);
            }
            child = at.Kind;
        }
    }

    private void ExpandAncestors(FieldPath path)
    {
        foreach (FieldPath at in MapsAbove(path))
        {
            if (SeenObject(at) is not { } value) continue;
            Drop(at);
            foreach ((string name, Value member) in value.AsObject()) SetDeep(Member(at, name), member);
        }
    }

    /// <summary>The maps that a path lies in, from the outside in.</summary>
    private static List<FieldPath> MapsAbove(FieldPath path)
    {
        var maps = new List<FieldPath>();
        for (FieldPath inner = path; inner.Depth > 1; inner = inner.Parent)
        {
            if (inner.Kind == PathKind.Key) maps.Add(inner.Parent);
        }
        maps.Reverse();
        return maps;
    }

    /// <summary>The object that the author saw at a path as one value; <see langword="null"/> where something else is read.</summary>
    private Value? SeenObject(FieldPath path)
    {
        if (!HasSeen(view, path) || Tree.SideOf(path) != NameSide.Value) return null;
        var seen = new List<SiblingSlot>();
        foreach (ref readonly SiblingSlot slot in view.At(path))
        {
            if (IsDraftOrSeen(slot)) seen.Add(slot);
        }
        int picked = Tree.Pick(CollectionsMarshal.AsSpan(seen), policies.For(path));
        return picked >= 0 && seen[picked].Value.Kind == ValueKind.Object ? seen[picked].Value : (Value?)null;
    }

    private bool IsInsideValue(FieldPath path)
    {
        IReadOnlyList<PathSegment> segments = path.Segments;
        foreach (FieldPath at in MapsAbove(path))
        {
            if (SeenObject(at) is not { } value) continue;
            int depth = at.Depth;
            while (depth < segments.Count && value.TryGetMember(segments[depth].Name, out Value member))
                (value, depth) = (member, depth + 1);
            if (depth == segments.Count) return true;
        }
        return false;
    }

    private void ClearBelow(FieldPath path)
    {
        foreach (FieldPath below in PathsBelow(view, path)) Drop(below);
    }

    /// <summary>A copy: dropping changes what it is taken from.</summary>
    private static FieldPath[] PathsBelow(EntityState entity, FieldPath path)
    {
        ReadOnlySpan<SiblingSlot> below = entity.Below(path);
        if (below.IsEmpty) return [];
        var paths = new List<FieldPath>();
        foreach (ref readonly SiblingSlot slot in below)
        {
            if (paths.Count == 0 || !paths[^1].Equals(slot.Path)) paths.Add(slot.Path);
        }
        return [.. paths];
    }

    private bool HasBeside(FieldPath path) => path.Kind == PathKind.Key && !path.IsRoot
        && (!view.At(path.AsCounter()).IsEmpty || !Tree.OwnNamed(path).IsEmpty);

    /// <summary>Clears the counter of that name, and the registers of data types of one's own.</summary>
    /// <param name="path">The name.</param>
    /// <param name="spared">The register that stays.</param>
    private void ClearBeside(FieldPath path, FieldPath? spared = null)
    {
        if (path.Kind != PathKind.Key || path.IsRoot) return;
        // They sort behind everything else: an entity whose last sibling is none of them has none at the top.
        if (path.Depth == 1 && (view.Slots.IsEmpty || !view.Slots[^1].Path.StartsBesideKeys)) return;
        ClearExact(path.AsCounter());
        foreach (DataType type in policies.DataTypes.All) ClearExact(path.As(type));

        void ClearExact(FieldPath beside)
        {
            if (beside != spared && !view.At(beside).IsEmpty) Drop(beside);
        }
    }

    /// <summary>Removes what was observed at exactly this path; a counter counts back instead.</summary>
    private void Drop(FieldPath path)
    {
        if (!path.IsCounter)
        {
            Put(path, default);
            return;
        }
        Int128 sum = 0;
        foreach (ref readonly SiblingSlot slot in effective.At(path))
        {
            if (IsSeen(slot)) sum += slot.Value.AsInteger();
        }
        if (sum < -long.MaxValue || sum > long.MaxValue) throw Overflow(path);
        Put(path, new Pending(true, -(long)sum));
    }
}
