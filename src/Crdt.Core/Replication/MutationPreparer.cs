using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>Turns an edit into a mutation: what it writes, and what it observes and so replaces.</summary>
/// <remarks>Owned by the replica's single writer; reused from edit to edit.</remarks>
internal sealed class MutationPreparer(ReplicaTable replicas, RefusalTable refusals)
{
    /// <summary>Root siblings of other replicas that an update replaces: enough that the root stays small in calm
    /// times, and bounded when hundreds write at once (semantics 5).</summary>
    private const int RootNeighbours = 4;

    private readonly EditDraft draft = new(replicas);
    private readonly List<FieldPath> order = [];
    private readonly List<SiblingSlot> observed = [];
    private readonly List<SiblingSlot> neighbours = [];

    private EntityState state = null!;
    private EntityState effective = null!;
    private TypePolicies policies = TypePolicies.Default;
    private EntityEdit edit = null!;

    /// <summary>Adds the edit's mutation to the columns.</summary>
    /// <param name="source">The edit.</param>
    /// <param name="before">The entity's state; unchanged.</param>
    /// <param name="typePolicies">Policies of its type.</param>
    /// <param name="clock">Asked for a timestamp when there is something to write.</param>
    /// <param name="wallMs">What the wall clock says: read once for a transaction.</param>
    /// <param name="sequence">Sequence of the mutation.</param>
    /// <param name="user">Who is using the device.</param>
    /// <param name="columns">Takes the mutation.</param>
    /// <returns><see langword="false"/> when the edit has nothing to change, and nothing was added.</returns>
    /// <exception cref="MutationException">The edit does not fit the entity.</exception>
    public bool TryPrepare(
        EntityEdit source, EntityState before, TypePolicies typePolicies, HybridLogicalClock clock, long wallMs, long sequence,
        string? user, BatchColumns columns)
    {
        (edit, state, policies) = (source, before, typePolicies);
        effective = EffectiveState.Of(state, replicas, policies, refusals.Now);
        draft.Begin(edit, state, effective, policies);
        MutationKind kind = KindOf(Existence.IsAlive(effective, replicas, policies.Existence));
        if (kind == MutationKind.Create) draft.ForgetFields();
        foreach (ref readonly EditStep step in edit.Steps) draft.Take(step);
        draft.CollectChanges(order);
        if (order.Count == 0 && kind is MutationKind.Update or MutationKind.Resolve && !edit.IsOfExistence)
        {
            return kind == MutationKind.Resolve
                ? throw Fail(MutationError.NoConflict, FieldPath.Root, "The conflict has been settled already.")
                : false;
        }
        CheckSizes();
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        row.Kind = kind;
        row.Timestamp = clock.Tick(wallMs);
        row.Entity = columns.Entities.GetOrAdd(edit.Key);
        row.Context = edit.Context;
        row.Origin = edit.Origin;
        if (user is not null) row.User = columns.Users.GetOrAdd(user);
        HybridTimestamp now = row.Timestamp;
        if (kind != MutationKind.Update || !IsTouch()) AddRoot(kind, columns);
        foreach (FieldPath path in order) AddChange(path, sequence, now, columns);
        return true;
    }

    /// <summary>Whether all that is written are touch fields, which leave the entity's root alone.</summary>
    private bool IsTouch()
    {
        foreach (FieldPath path in order)
        {
            if (!policies.IsTouch(path)) return false;
        }
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
                if (edit.IsOfExistence) CheckExistenceInConflict();
                return MutationKind.Delete;
            case EditKind.Resolve when edit.IsOfExistence:
                CheckExistenceInConflict();
                return MutationKind.Resolve;
            case EditKind.Resolve:
                CheckStillInConflict();
                return MutationKind.Resolve;
            default:
                return isAlive ? MutationKind.Update : MutationKind.Create;
        }
    }

    private void CheckExistenceInConflict()
    {
        if (Existence.IsDisputed(effective)) return;
        throw Fail(MutationError.NoConflict, FieldPath.Root, $"Whether {edit.Key} is deleted has been settled already.");
    }

    private void CheckStillInConflict()
    {
        FieldPath path = edit.Steps[0].Path;
        foreach (ref readonly SiblingSlot slot in state.At(path))
        {
            if (draft.IsSeen(slot)) return;
        }
        foreach (ref readonly SiblingSlot slot in state.Below(path))
        {
            if (draft.IsSeen(slot)) return;
        }
        throw Fail(MutationError.NoConflict, path, $"The conflict at '{path}' of {edit.Key} has been settled already.");
    }

    private void CheckSizes()
    {
        foreach (FieldPath path in order)
        {
            int lengthBytes = ValueCodec.LengthBytes(draft[path].Value, FormatLimits.ValueLengthBytesMax);
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
        foreach (ref readonly SiblingSlot slot in state.Root)
        {
            bool isOwn = slot.Dot.Author == 0, isDeleted = slot.Value == Value.False;
            bool isNamed = kind switch
            {
                MutationKind.Create => true,
                MutationKind.Delete => draft.IsSeen(slot),
                MutationKind.Resolve when edit.IsOfExistence => isOwn || draft.IsSeen(slot),
                // Whoever settles a field has seen the delete, too; where that is for a person to settle, it is not meant.
                MutationKind.Resolve => isOwn || (isDeleted && policies.Existence != ExistencePolicy.Manual),
                _ => isOwn || (isDeleted && draft.IsSeen(slot)),
            };
            if (isNamed) observed.Add(slot);
        }
        if (kind is MutationKind.Update or MutationKind.Resolve && !edit.IsOfExistence) AddNeighbours();
        AddObserved(FieldPath.Root, columns);
    }

    /// <summary>The next four living root siblings after the author's own id, cyclically.</summary>
    private void AddNeighbours()
    {
        neighbours.Clear();
        foreach (ref readonly SiblingSlot slot in state.Root)
        {
            if (slot.Dot.Author != 0 && slot.Value != Value.False) neighbours.Add(slot);
        }
        if (neighbours.Count > 1) neighbours.Sort(CompareCyclically);
        observed.AddRange(CollectionsMarshal.AsSpan(neighbours)[..Math.Min(neighbours.Count, RootNeighbours)]);
    }

    private int CompareCyclically(SiblingSlot a, SiblingSlot b)
    {
        ReplicaId left = replicas[a.Dot.Author], right = replicas[b.Dot.Author], self = replicas[0];
        int wrap = (left < self).CompareTo(right < self);
        return wrap != 0 ? wrap : replicas.CompareDots(a.Dot, b.Dot);
    }

    /// <summary>The author's own first, then by replica, each by sequence.</summary>
    private int CompareOnWire(SiblingSlot a, SiblingSlot b)
    {
        int own = (b.Dot.Author == 0).CompareTo(a.Dot.Author == 0);
        return own != 0 ? own : replicas.CompareDots(a.Dot, b.Dot);
    }

    private void AddChange(FieldPath path, long sequence, HybridTimestamp now, BatchColumns columns)
    {
        EditDraft.Pending change = draft[path];
        int index = columns.Paths.GetOrAdd(path);
        if (path.IsCounter)
        {
            AddIncrement(path, index, change.Value.AsInteger(), columns);
            return;
        }
        observed.Clear();
        // By the other rule a write replaces its author's own without naming it; a removal names all.
        bool namesSeen = path.Rule == ReplaceRule.Observed || !change.HasValue;
        foreach (ref readonly SiblingSlot slot in namesSeen ? state.At(path) : default)
        {
            if (draft.IsSeen(slot)) observed.Add(slot);
        }
        ref BatchColumns.ChangeRow row = ref columns.AddChange(index);
        row.HasValue = change.HasValue;
        row.Value = change.Value;
        if (change.HasValue && path.Kind == PathKind.Key && !edit.Key.IsSpaceData)
        {
            ConflictPolicy policy = policies.For(path);
            if (policy == ConflictPolicy.FirstWriteWins && ClaimAt(path) is { } claim && claim != now) row.Claim = claim;
            if (policy is ConflictPolicy.FirstWriteWins or ConflictPolicy.Manual && observed.Count > 0)
                row.Remembered = Remembered();
        }
        AddObserved(path, columns);
    }

    /// <summary>The earliest claim of what is replaced, without what was refused.</summary>
    private HybridTimestamp? ClaimAt(FieldPath path)
    {
        HybridTimestamp? claim = null;
        foreach (ref readonly SiblingSlot slot in effective.At(path))
        {
            if (draft.IsSeen(slot) && (claim is null || slot.Claim < claim)) claim = slot.Claim;
        }
        return claim;
    }

    /// <summary>What the observed siblings had replaced, of each author the last, without these themselves.</summary>
    private Dot[] Remembered()
    {
        var last = new LastDots();
        foreach (SiblingSlot slot in observed)
        {
            if (slot.Extra is not { } extra) continue;
            last.Add(extra.Replaced);
            foreach (RestoredSibling sibling in extra.Marks?.Restored ?? [])
            {
                last.Add(sibling.Dot);
                last.Add(sibling.Replaced);
            }
            if (extra.StandsFor != default) last.Add(extra.StandsFor);
        }
        foreach (SiblingSlot slot in observed) last.Remove(slot.Dot);
        return LastDots.ToBatch(last.ToSorted(replicas), replicas);
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
            throw draft.Overflow(path);
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
        if (observed.Count > 1) observed.Sort(CompareOnWire);
        foreach (ref readonly SiblingSlot slot in CollectionsMarshal.AsSpan(observed))
        {
            int author = slot.Dot.Author;
            columns.AddDot(author == 0 ? BatchColumns.Self : columns.IndexOfOther(replicas[author]), slot.Dot.Sequence);
        }
    }

    private MutationException Fail(MutationError error, FieldPath path, string message) =>
        new(error, edit.Key, path, message);
}
