using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>Turns an edit into a mutation: what it writes, and what it observes and so replaces.</summary>
/// <remarks>Owned by the replica's single writer; reused from edit to edit.</remarks>
internal sealed class MutationPreparer(ReplicaTable replicas)
{
    /// <summary>Root siblings of other replicas that an update replaces: enough that the root stays small in calm
    /// times, and bounded when hundreds write at once (semantics 5).</summary>
    private const int RootNeighbours = 4;

    private readonly Dictionary<FieldPath, Pending> pending = [];
    private readonly List<FieldPath> order = [];
    private readonly List<SiblingSlot> observed = [];

    private EntityState state = null!;
    private TypePolicies policies = TypePolicies.Default;
    private EntityEdit edit = null!;

    // Whether some pending change lies deeper than a plain field: only then do fields have to look at each other.
    private bool hasNested;

    /// <summary>A change to be: a value, a removal, or an increment.</summary>
    private record struct Pending(bool HasValue, Value Value);

    /// <summary>Adds the edit's mutation to the columns.</summary>
    /// <param name="source">The edit.</param>
    /// <param name="before">The entity's state; unchanged.</param>
    /// <param name="typePolicies">Policies of its type.</param>
    /// <param name="timestamp">Asked for a timestamp when there is something to write.</param>
    /// <param name="sequence">Sequence of the mutation.</param>
    /// <param name="user">Who is using the device.</param>
    /// <param name="columns">Takes the mutation.</param>
    /// <returns><see langword="false"/> when the edit has nothing to change, and nothing was added.</returns>
    /// <exception cref="MutationException">The edit does not fit the entity.</exception>
    public bool TryPrepare(
        EntityEdit source, EntityState before, TypePolicies typePolicies, Func<HybridTimestamp> timestamp,
        long sequence, string? user, BatchColumns columns)
    {
        (edit, state, policies) = (source, before, typePolicies);
        pending.Clear();
        hasNested = false;
        MutationKind kind = KindOf(EntityTree.IsAlive(state));
        if (kind == MutationKind.Create) ForgetFields();
        foreach (EditStep step in edit.Steps) Take(step);
        CollectOrder();
        if (order.Count == 0 && kind is MutationKind.Update or MutationKind.Resolve)
        {
            return kind == MutationKind.Resolve
                ? throw Fail(MutationError.NoConflict, FieldPath.Root, "The conflict has been settled already.")
                : false;
        }
        CheckSizes();
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        row.Kind = kind;
        row.Timestamp = timestamp();
        row.Entity = columns.Entities.GetOrAdd(edit.Key);
        row.Context = edit.Context;
        row.Origin = edit.Origin;
        if (user is not null) row.User = columns.Users.GetOrAdd(user);
        HybridTimestamp now = row.Timestamp;
        if (kind != MutationKind.Update || !order.TrueForAll(policies.IsTouch)) AddRoot(kind, columns);
        foreach (FieldPath path in order) AddChange(path, sequence, now, columns);
        return true;
    }

    private MutationKind KindOf(bool isAlive)
    {
        switch (edit.Kind)
        {
            case EditKind.Create when isAlive:
                throw Fail(MutationError.AlreadyExists, FieldPath.Root, $"{edit.Key} exists already.");
            case EditKind.Update or EditKind.Delete or EditKind.Resolve when !isAlive:
                throw Fail(MutationError.NotFound, FieldPath.Root, state.Slots.IsEmpty
                    ? $"{edit.Key} does not exist."
                    : $"{edit.Key} is deleted: only creating it again acts on it.");
            case EditKind.Delete:
                return MutationKind.Delete;
            case EditKind.Resolve:
                CheckStillInConflict();
                return MutationKind.Resolve;
            default:
                return isAlive ? MutationKind.Update : MutationKind.Create;
        }
    }

    private void CheckStillInConflict()
    {
        FieldPath path = edit.Steps[0].Path;
        foreach (ref readonly SiblingSlot slot in state.At(path))
        {
            if (IsSeen(slot)) return;
        }
        foreach (ref readonly SiblingSlot slot in state.Below(path))
        {
            if (IsSeen(slot)) return;
        }
        throw Fail(MutationError.NoConflict, path, $"The conflict at '{path}' of {edit.Key} has been settled already.");
    }

    /// <summary>Making a deleted entity again first removes every field sibling that is held.</summary>
    private void ForgetFields()
    {
        foreach (ref readonly SiblingSlot slot in state.Slots)
        {
            if (!slot.Path.IsRoot) Drop(slot.Path);
        }
    }

    private void Take(in EditStep step)
    {
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
                Drop(step.Path);
                break;
            case EditStepKind.Patch:
                PatchMap(FieldPath.Root, step.Value);
                break;
            default:
                ReplaceMap(FieldPath.Root, step.Value);
                break;
        }
    }

    private void Put(FieldPath path, Pending change)
    {
        pending[path] = change;
        hasNested |= !path.TryGetField(out _);
    }

    private void Set(FieldPath path, Value value)
    {
        if (value.Kind == ValueKind.Object && edit.Kind != EditKind.Resolve && policies.For(path) == ConflictPolicy.Merge)
            SetMerged(path, value);
        else SetWhole(path, value);
    }

    private void SetWhole(FieldPath path, Value value)
    {
        ClearAncestors(path);
        ClearBelow(path);
        ResetCounterNamed(path);
        Put(path, new Pending(true, value));
    }

    /// <summary>Deep merge: only what differs is written, member by member.</summary>
    private void SetMerged(FieldPath path, Value value)
    {
        Value? current = Read(path);
        bool isExpanded = state.At(path).IsEmpty && current is { Kind: ValueKind.Object };
        if (value.AsObject().Count == 0)
        {
            if (current != value) SetWhole(path, value);
            return;
        }
        if (isExpanded) ReplaceMap(path, value);
        else
        {
            // What stands there as one value is expanded into paths by this write, once.
            foreach ((string name, Value member) in value.AsObject()) SetDeep(path.Key(name), member);
            if (!state.At(path).IsEmpty) Drop(path);
        }
    }

    /// <summary>Writes a document's member: an object as a map, all else as a value.</summary>
    private void SetDeep(FieldPath path, Value value)
    {
        if (value.Kind != ValueKind.Object || value.AsObject().Count == 0)
        {
            SetWhole(path, value);
            return;
        }
        ResetCounterNamed(path);
        foreach (ref readonly SiblingSlot slot in state.Below(path)) Drop(slot.Path);
        foreach ((string name, Value member) in value.AsObject()) SetDeep(path.Key(name), member);
    }

    private void Remove(FieldPath path)
    {
        ExpandAncestors(path);
        bool isHeld = !state.At(path).IsEmpty || !state.Below(path).IsEmpty || HasCounter(path)
            || pending.Keys.Any(p => p.Equals(path) || p.IsBelow(path));
        if (!isHeld) return;
        ClearAncestors(path);
        ClearBelow(path);
        ResetCounterNamed(path);
        Drop(path);
    }

    private void Count(FieldPath counter, Int128 by)
    {
        if (by < long.MinValue || by > long.MaxValue) throw Overflow(counter);
        Increment(counter, (long)by);
    }

    private void Increment(FieldPath counter, long by)
    {
        FieldPath name = counter.Parent.Key(counter.Name);
        ClearAncestors(name);
        ClearBelow(name);
        if (!state.At(name).IsEmpty || pending.ContainsKey(name)) Drop(name);
        ref Pending change = ref CollectionsMarshal.GetValueRefOrAddDefault(pending, counter, out bool isKnown);
        long sum;
        try
        {
            sum = checked((isKnown ? change.Value.AsInteger() : 0) + by);
        }
        catch (OverflowException)
        {
            throw Overflow(counter);
        }
        change = new Pending(true, sum);
        hasNested = true;
    }

    private void PatchMap(FieldPath map, Value patch)
    {
        foreach ((string name, Value member) in patch.AsObject())
        {
            FieldPath path = map.Key(name);
            if (member.IsNull) Remove(path);
            else if (member.Kind != ValueKind.Object) Set(path, member);
            else if (JsonMergePatch.Apply(Read(path) ?? Value.Null, member) is var merged && merged == Value.EmptyObject)
            {
                if (Read(path) != merged) SetWhole(path, merged);
            }
            else PatchMap(path, member);
        }
    }

    private void ReplaceMap(FieldPath map, Value document)
    {
        Value? current = map.IsRoot ? RootValue() : Read(map);
        foreach ((string name, Value _) in current is { Kind: ValueKind.Object } c ? c.AsObject() : [])
        {
            if (!document.TryGetMember(name, out _)) Remove(map.Key(name));
        }
        foreach ((string name, Value member) in document.AsObject())
        {
            FieldPath path = map.Key(name);
            Value? now = Read(path);
            if (now == member) continue;
            if (member.Kind == ValueKind.Object && now is { Kind: ValueKind.Object } && member.AsObject().Count > 0)
                ReplaceMap(path, member);
            else if (now is not null && HasCounter(path) && member.Kind == ValueKind.Integer
                && now.Value.Kind == ValueKind.Integer)
                Count(path.AsCounter(), (Int128)member.AsInteger() - now.Value.AsInteger());
            else if (IsSet(path) && member.Kind == ValueKind.Array && member.AsArray().All(IsElement)) ReplaceSet(path, member);
            else SetDeep(path, member);
        }
    }

    private void ReplaceSet(FieldPath set, Value elements)
    {
        var wanted = elements.AsArray().Select(e => e.AsString()).ToHashSet(StringComparer.Ordinal);
        foreach (ref readonly SiblingSlot slot in state.Below(set))
        {
            if (!wanted.Remove(slot.Path.Name)) Drop(slot.Path);
        }
        foreach (string element in wanted) Put(set.Element(element), new Pending(true, Value.True));
    }

    private static bool IsElement(Value value) => value.Kind == ValueKind.String && value.AsString().Length > 0;

    private bool IsSet(FieldPath path) =>
        state.Below(path) is [var first, ..] && first.Path.Kind == PathKind.Element && state.At(path).IsEmpty;

    private Value? Read(FieldPath path) => new EntityTree(state, replicas, policies).Read(path);

    private Value RootValue() =>
        Value.FromTrusted(new EntityTree(state, replicas, policies).Members(FieldPath.Root, null));

    /// <summary>Writing below a path replaces what was observed there of another kind; an object that stood there as
    /// one value keeps its other members, as paths.</summary>
    private void ClearAncestors(FieldPath path)
    {
        if (path.Depth < 2) return;
        ExpandAncestors(path);
        PathKind child = path.Kind;
        for (FieldPath at = path.Parent; !at.IsRoot; at = at.Parent)
        {
            if (!state.At(at).IsEmpty || pending.ContainsKey(at)) Drop(at);
            ResetCounterNamed(at);
            foreach (ref readonly SiblingSlot slot in state.Below(at))
            {
                bool isElement = slot.Path.Kind == PathKind.Element && slot.Path.Depth == at.Depth + 1;
                if (isElement != (child == PathKind.Element)) Drop(slot.Path);
            }
            child = at.Kind;
        }
    }

    private void ExpandAncestors(FieldPath path)
    {
        for (FieldPath at = path.Parent; !at.IsRoot; at = at.Parent)
        {
            ReadOnlySpan<SiblingSlot> register = state.At(at);
            if (register.IsEmpty || pending.ContainsKey(at)) continue;
            Value value = register[new EntityTree(state, replicas, policies).Pick(register, policies.For(at)) is var i
                && i >= 0 ? i : 0].Value;
            if (value.Kind != ValueKind.Object) continue;
            foreach ((string name, Value member) in value.AsObject())
            {
                FieldPath inner = at.Key(name);
                if (!pending.ContainsKey(inner)) SetDeepUnchecked(inner, member);
            }
            Put(at, default);
        }
    }

    private void SetDeepUnchecked(FieldPath path, Value value)
    {
        if (value.Kind != ValueKind.Object || value.AsObject().Count == 0) Put(path, new Pending(true, value));
        else foreach ((string name, Value member) in value.AsObject()) SetDeepUnchecked(path.Key(name), member);
    }

    private void ClearBelow(FieldPath path)
    {
        foreach (ref readonly SiblingSlot slot in state.Below(path)) Drop(slot.Path);
        if (!hasNested) return;
        foreach (FieldPath below in pending.Keys.Where(p => p.IsBelow(path)).ToList()) Drop(below);
    }

    private bool HasCounter(FieldPath path) =>
        path.Kind == PathKind.Key && !path.IsRoot && !state.At(path.AsCounter()).IsEmpty;

    private void ResetCounterNamed(FieldPath path)
    {
        if (path.Kind != PathKind.Key || path.IsRoot) return;
        // Counters sort behind everything else: an entity whose last sibling is none has none at the top.
        if (path.Depth == 1 && (state.Slots.IsEmpty || !state.Slots[^1].Path.StartsWithCounter)
            && !hasNested) return;
        FieldPath counter = path.AsCounter();
        if (!state.At(counter).IsEmpty || pending.ContainsKey(counter)) Drop(counter);
    }

    /// <summary>Removes what was observed at exactly this path; a counter counts back instead.</summary>
    private void Drop(FieldPath path)
    {
        if (path.Kind != PathKind.Counter)
        {
            Put(path, default);
            return;
        }
        Int128 sum = EntityTree.Sum(state.At(path));
        if (sum < -long.MaxValue || sum > long.MaxValue) throw Overflow(path);
        Put(path, new Pending(true, -(long)sum));
    }

    /// <summary>The paths with something to do, in order: a removal of nothing is none.</summary>
    private void CollectOrder()
    {
        order.Clear();
        foreach ((FieldPath path, Pending change) in pending)
        {
            bool isIdle = path.Kind == PathKind.Counter
                ? change.Value.AsInteger() == 0
                : !change.HasValue && !HasSeen(path);
            if (!isIdle) order.Add(path);
        }
        if (order.Count > 1) order.Sort();
    }

    private bool HasSeen(FieldPath path)
    {
        foreach (ref readonly SiblingSlot slot in state.At(path))
        {
            if (IsSeen(slot)) return true;
        }
        return false;
    }

    private bool IsSeen(in SiblingSlot slot) => edit.Basis is null || edit.Basis.Covers(replicas.Resolve(slot.Dot));

    private void CheckSizes()
    {
        foreach (FieldPath path in order)
        {
            int lengthBytes = ValueCodec.LengthBytes(pending[path].Value, FormatLimits.ValueLengthBytesMax);
            if (lengthBytes <= FormatLimits.ValueLengthBytesMax) continue;
            throw Fail(MutationError.ValueTooLarge, path, $"The value at '{path}' of {edit.Key} takes {lengthBytes} bytes; "
                + $"{FormatLimits.ValueLengthBytesMax} are allowed. Larger content belongs into an attachment.");
        }
        int context = ValueCodec.LengthBytes(edit.Context, FormatLimits.ContextLengthBytesMax);
        if (context > FormatLimits.ContextLengthBytesMax)
        {
            throw Fail(MutationError.ValueTooLarge, FieldPath.Root, $"The context of the change to {edit.Key} takes "
                + $"{context} bytes; {FormatLimits.ContextLengthBytesMax} are allowed.");
        }
    }

    private void AddRoot(MutationKind kind, BatchColumns columns)
    {
        ref BatchColumns.ChangeRow change = ref columns.AddChange(BatchColumns.RootPath);
        change.HasValue = true;
        change.Value = Value.From(kind != MutationKind.Delete);
        observed.Clear();
        foreach (ref readonly SiblingSlot slot in state.At(FieldPath.Root))
        {
            bool isOwn = slot.Dot.Author == 0, isDeleted = slot.Value == Value.False;
            bool isNamed = kind switch
            {
                MutationKind.Create => true,
                MutationKind.Delete => isOwn || IsSeen(slot),
                _ => isOwn || (isDeleted && (edit.Kind == EditKind.Resolve || IsSeen(slot))),
            };
            if (isNamed) observed.Add(slot);
        }
        if (kind is MutationKind.Update or MutationKind.Resolve) AddNeighbours();
        AddObserved(FieldPath.Root, columns);
    }

    /// <summary>The next four living root siblings after the author's own id, cyclically.</summary>
    private void AddNeighbours()
    {
        ReplicaId self = replicas[0];
        var others = new List<SiblingSlot>();
        foreach (ref readonly SiblingSlot slot in state.At(FieldPath.Root))
        {
            if (slot.Dot.Author != 0 && slot.Value != Value.False) others.Add(slot);
        }
        if (others.Count > 1)
        {
            others.Sort((a, b) =>
            {
                ReplicaId left = replicas[a.Dot.Author], right = replicas[b.Dot.Author];
                int wrap = (left < self).CompareTo(right < self);
                return wrap != 0 ? wrap : replicas.CompareDots(a.Dot, b.Dot);
            });
        }
        observed.AddRange(others.Take(RootNeighbours));
    }

    private void AddChange(FieldPath path, long sequence, HybridTimestamp now, BatchColumns columns)
    {
        Pending change = pending[path];
        int index = columns.Paths.GetOrAdd(path);
        if (path.Kind == PathKind.Counter)
        {
            AddIncrement(path, index, change.Value.AsInteger(), columns);
            return;
        }
        observed.Clear();
        HybridTimestamp claim = now;
        bool isClaimed = change.HasValue && policies.For(path) == ConflictPolicy.FirstWriteWins;
        foreach (ref readonly SiblingSlot slot in state.At(path))
        {
            if (!IsSeen(slot)) continue;
            if (isClaimed && (observed.Count == 0 || slot.Claim < claim)) claim = slot.Claim;
            observed.Add(slot);
        }
        ref BatchColumns.ChangeRow row = ref columns.AddChange(index);
        row.HasValue = change.HasValue;
        row.Value = change.Value;
        if (claim != now) row.Claim = claim;
        AddObserved(path, columns);
    }

    private void AddIncrement(FieldPath path, int index, long by, BatchColumns columns)
    {
        (long total, long start) = (0, 0);
        foreach (ref readonly SiblingSlot slot in state.At(path))
        {
            if (slot.Dot.Author == 0) (total, start) = (slot.Value.AsInteger(), slot.Extra!.CounterStart);
        }
        ref BatchColumns.ChangeRow row = ref columns.AddChange(index);
        row.HasValue = true;
        row.CounterStart = start;
        try
        {
            row.Value = checked(total + by);
        }
        catch (OverflowException)
        {
            throw Overflow(path);
        }
    }

    /// <summary>Writes the observed dots in their one order: the author's own, then by replica, each by sequence.</summary>
    private void AddObserved(FieldPath path, BatchColumns columns)
    {
        if (observed.Count > FormatLimits.ObservedDotsMax)
        {
            throw Fail(MutationError.TooManySiblings, path, $"'{path}' of {edit.Key} holds {observed.Count} concurrent "
                + $"values; one change can replace {FormatLimits.ObservedDotsMax}.");
        }
        if (observed.Count > 1)
        {
            observed.Sort((a, b) =>
            {
                int own = (b.Dot.Author == 0).CompareTo(a.Dot.Author == 0);
                return own != 0 ? own : replicas.CompareDots(a.Dot, b.Dot);
            });
        }
        foreach (SiblingSlot slot in observed)
        {
            int author = slot.Dot.Author;
            columns.AddDot(author == 0 ? BatchColumns.Self : columns.IndexOfOther(replicas[author]), slot.Dot.Sequence);
        }
    }

    private MutationException Overflow(FieldPath counter) =>
        Fail(MutationError.CounterOverflow, counter, $"The counter '{counter}' of {edit.Key} would leave 64 bits.");

    private MutationException Fail(MutationError error, FieldPath path, string message) =>
        new(error, edit.Key, path, message);
}
