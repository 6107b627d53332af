using System.Globalization;

namespace Crdt;

/// <summary>What a server-role replica does about the mutations of others as it applies them: judges them, and marks
/// what loses under <see cref="ConflictPolicy.ServerWins"/> and <see cref="ConflictPolicy.ClientWins"/>. Collects while
/// a run is applied; the annotations become durable together with it.</summary>
/// <param name="authors">Who wrote.</param>
/// <param name="cache">The entities.</param>
/// <param name="refusals">What was refused.</param>
/// <param name="postponed">What was decided and could not be written yet.</param>
/// <param name="admission">Judges clients' transactions; <see langword="null"/> where all stand.</param>
internal sealed class ServerDuties(
    AuthorTable authors, EntityCache cache, RefusalTable refusals, PostponedDuties postponed, IAdmission? admission)
{
    private readonly List<Annotation> annotations = [];
    private readonly List<RefusedWork> refused = [];

    // Of what was refused in this very run, what it had replaced: the marks come only after it.
    private readonly Dictionary<(EntityKey, FieldPath, ulong), List<MarkedSibling>> restoredHere = [];
    private readonly HashSet<(EntityKey, FieldPath, Dot)> lost = [];
    private readonly HashSet<ulong> named = [];
    private readonly List<SiblingSlot> replaced = [];
    private Refusal? verdict;
    private bool isJudged;

    /// <summary>One mark to be made.</summary>
    public readonly record struct Annotation(EntityKey Key, FieldPath Path, Dot? Named, MarkContent Content);

    /// <summary>A refused transaction, with what it wrote.</summary>
    public sealed record RefusedWork(Dot First, long Last, string? User, Refusal Refusal, List<EscrowedChange> Work);

    /// <summary>What is to be written about a run, or about several.</summary>
    public sealed record Decisions(IReadOnlyList<Annotation> Annotations, IReadOnlyList<RefusedWork> Refused);

    /// <summary>What was decided since <see cref="Begin"/>; <see langword="null"/> when nothing was.</summary>
    public Decisions? Taken => annotations.Count == 0 && refused.Count == 0 ? null : new Decisions([.. annotations], [.. refused]);

    public void Begin()
    {
        annotations.Clear();
        lost.Clear();
        refused.Clear();
        restoredHere.Clear();
        (verdict, isJudged) = (null, false);
    }

    /// <summary>Before a mutation is applied: judges its transaction when it begins one, and takes away nothing yet.</summary>
    /// <param name="state">The entity, working.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="mutation">Which of its mutations.</param>
    /// <param name="dot">Its dot.</param>
    /// <param name="entityOf">Makes an entity of a state.</param>
    public void Before(
        EntityState state, BatchColumns batch, int mutation, Dot dot, Func<EntityState, Entity> entityOf)
    {
        if (batch.Role != ReplicaRole.Client) return;
        if (!isJudged && admission is not null) Judge(batch, mutation, dot, entityOf);
        // What clients note in the space's own data is about refusals, not subject to them.
        if (state.Key.IsSpaceData) return;
        if (verdict is not null) NoteRefused(state, batch, mutation, dot);
        else if (restoredHere.Count > 0 || !postponed.IsEmpty || state.HasRefusals) NoteCarried(state, batch, mutation, dot);
    }

    /// <summary>After a mutation was applied: notes what lost, and ends the transaction with its last mutation.</summary>
    public void After(EntityState state, BatchColumns batch, int mutation, Dot dot, TypePolicies policies)
    {
        ref readonly BatchColumns.MutationRow row = ref batch.Mutations[mutation];
        if (verdict is null && policies.HasServerPolicies && row.Kind < MutationKind.Mark && !state.Key.IsSpaceData)
            NoteLost(state, batch, mutation, dot, policies);
        if (row.EndsTransaction) (verdict, isJudged) = (null, false);
    }

    /// <summary>After a mutation of this replica's own was applied: based on an older state than the one that is held, it is
    /// concurrent with that, and loses or wins like anybody's.</summary>
    public void AfterOwn(EntityState state, BatchColumns batch, int mutation, Dot dot, TypePolicies policies)
    {
        if (policies.HasServerPolicies && !state.Key.IsSpaceData) NoteLost(state, batch, mutation, dot, policies);
    }

    // ---- refusal ----

    private void Judge(BatchColumns batch, int mutation, Dot dot, Func<EntityState, Entity> entityOf)
    {
        isJudged = true;
        var mutations = new List<Mutation>();
        for (int m = mutation; mutations.Count == 0 || !batch.Mutations[m - 1].EndsTransaction; m++)
            mutations.Add(batch.ToMutation(m, dot.Replica, dot.Sequence - mutation));
        if (mutations.TrueForAll(static m => m.Key.IsSpaceData)) return;
        bool buildsOnRefused = mutations.Exists(m => m.Changes.Any(c => c.Observed.Any(IsRefused)));
        verdict = admission!.Judge(new IncomingTransaction(
            mutations, k => cache.GetOrLoad(k).Current is { Slots.IsEmpty: false } state ? entityOf(state) : null, buildsOnRefused));
        if (verdict is not null) refused.Add(new RefusedWork(mutations[0].Dot, mutations[^1].Dot.Sequence, mutations[0].User, verdict, []));
    }

    private bool IsRefused(Dot dot) => refusals.IsRefused(dot) || postponed.IsRefused(dot);

    /// <summary>What a sibling had replaced that is refused, and not marked yet; <see langword="null"/> where it is not.</summary>
    private IReadOnlyList<MarkedSibling>? FindUnmarked(EntityKey key, FieldPath path, Dot dot) =>
        restoredHere.GetValueOrDefault((key, path, Identity(dot))) ?? postponed.FindReplaced(key, path, dot);

    private void NoteRefused(EntityState state, BatchColumns batch, int mutation, Dot dot)
    {
        ref readonly BatchColumns.MutationRow row = ref batch.Mutations[mutation];
        for (int c = batch.ChangeStart(mutation); c < row.ChangeEnd; c++)
        {
            ref readonly BatchColumns.ChangeRow change = ref batch.Changes[c];
            FieldPath path = batch.PathOf(change);
            if (path.IsCounter)
            {
                NoteIncrement(state, row.Kind, path, change, dot);
                continue;
            }
            if (!path.IsRoot || row.Kind != MutationKind.Update)
                Keep(state.Key, row.Kind, path, change.HasValue ? change.Value : (Value?)null, dot);
            FindReplaced(state, path, batch, c, dot.Replica);
            List<MarkedSibling> restored = Flatten(state.Key, path);
            if (change.HasValue)
            {
                restoredHere[(state.Key, path, Identity(dot))] = restored;
                annotations.Add(new Annotation(
                    state.Key, path, dot, new MarkContent(MarkKind.Refused, verdict!.Code, restored)));
                continue;
            }
            // What a removal took away by the other rule cannot stand beside its author's next: it stays removed.
            if (path.Rule == ReplaceRule.Own) continue;
            foreach (MarkedSibling sibling in restored)
                annotations.Add(new Annotation(state.Key, path, null, new MarkContent(MarkKind.Restored, default, [sibling])));
        }
    }

    /// <summary>What stands upon something refused remembers what that had replaced: another server may refuse it.</summary>
    private void NoteCarried(EntityState state, BatchColumns batch, int mutation, Dot dot)
    {
        for (int c = batch.ChangeStart(mutation); c < batch.Mutations[mutation].ChangeEnd; c++)
        {
            FieldPath path = batch.PathOf(batch.Changes[c]);
            if (!batch.Changes[c].HasValue || path.IsCounter) continue;
            FindReplaced(state, path, batch, c, dot.Replica);
            replaced.RemoveAll(s => !s.IsRefused
                && FindUnmarked(state.Key, path, authors.Ids.Resolve(s.Dot)) is null);
            if (replaced.Count == 0 || Flatten(state.Key, path) is not { Count: > 0 } carried) continue;
            annotations.Add(new Annotation(state.Key, path, dot, new MarkContent(MarkKind.Carried, default, carried)));
        }
    }

    /// <summary>An increment is taken back once, in a register named by it: its author's total goes on containing it.</summary>
    private void NoteIncrement(
        EntityState state, MutationKind kind, FieldPath path, in BatchColumns.ChangeRow change, Dot dot)
    {
        if (!path.IsCounter || !change.HasValue || path.Depth == FormatLimits.DepthMax) return;
        long before = 0;
        foreach (ref readonly SiblingSlot slot in state.At(path))
        {
            if (change.CounterStart != 0 && authors.Ids[slot.Dot.Author] == dot.Replica) before = slot.Value.AsInteger();
        }
        Int128 back = (Int128)before - change.Value.AsInteger();
        if (back == 0 || back < -long.MaxValue || back > long.MaxValue) return;
        Keep(state.Key, kind, path, -(long)back, dot);
        var sibling = new MarkedSibling(dot, ReplicaRole.Client, new HybridTimestamp(1), default, false, (long)back, []);
        annotations.Add(new Annotation(
            state.Key, OffsetPath(path, dot), null, new MarkContent(MarkKind.Restored, default, [sibling])));
    }

    private void Keep(EntityKey key, MutationKind kind, FieldPath path, Value? value, Dot dot) =>
        refused[^1].Work.Add(new EscrowedChange(dot, key, kind, path, value));

    private static FieldPath OffsetPath(FieldPath counter, Dot dot) =>
        counter.Element(string.Create(CultureInfo.InvariantCulture, $"{dot.Replica.Value:N}-{dot.Sequence}"));

    private void FindReplaced(EntityState state, FieldPath path, BatchColumns batch, int change, ReplicaId author)
    {
        replaced.Clear();
        named.Clear();
        for (int d = batch.DotStart(change); d < batch.Changes[change].DotEnd; d++)
        {
            ReplicaId replica = batch.DotReplica[d] == BatchColumns.Self ? author : batch.Others[batch.DotReplica[d] - 1];
            named.Add(Identity(new Dot(replica, batch.DotSequence[d])));
        }
        foreach (ref readonly SiblingSlot slot in state.At(path))
        {
            if (named.Contains(slot.Dot.Identity) || (path.Rule == ReplaceRule.Own && authors.Ids[slot.Dot.Author] == author))
                replaced.Add(slot);
        }
    }

    /// <summary>What was replaced; of what was refused itself, what that had replaced.</summary>
    private List<MarkedSibling> Flatten(EntityKey key, FieldPath path)
    {
        var flat = new Dictionary<Dot, MarkedSibling>();
        foreach (SiblingSlot slot in replaced)
        {
            Dot dot = authors.Ids.Resolve(slot.Dot);
            Dot origin = slot.Extra is { } extra && extra.StandsFor != default ? authors.Ids.Resolve(extra.StandsFor) : dot;
            IReadOnlyList<MarkedSibling>? unmarked = FindUnmarked(key, path, dot);
            foreach (MarkedSibling sibling in unmarked ?? []) flat.TryAdd(sibling.Dot, sibling);
            foreach (RestoredSibling sibling in slot.Extra?.Marks?.Restored ?? [])
                flat.TryAdd(authors.Ids.Resolve(sibling.Dot), Describe(sibling));
            if (unmarked is not null || slot.IsRefused || IsRefused(origin)) continue;
            ReplicaRole role = origin == dot ? slot.Dot.Role : slot.Extra!.StandsFor.Role;
            flat[origin] = new MarkedSibling(origin, role, slot.Timestamp, slot.Extra?.Claim ?? default, slot.IsLost,
                slot.Value, Dots(slot.Extra?.Replaced ?? []));
        }
        List<MarkedSibling> sorted = [.. flat.Values.Where(s => !IsRefused(s.Dot))];
        sorted.Sort(static (a, b) => MarkCodec.Compare(a.Dot, b.Dot));
        return sorted;
    }

    private MarkedSibling Describe(RestoredSibling sibling) => new(authors.Ids.Resolve(sibling.Dot), sibling.Dot.Role,
        sibling.Timestamp, sibling.Claim, sibling.IsLost, sibling.Value, Dots(sibling.Replaced));

    private Dot[] Dots(LocalDot[] replacedBefore) => LastDots.ToBatch(replacedBefore, authors.Ids);

    private ulong Identity(Dot dot) => new LocalDot(authors.IndexOf(dot.Replica), dot.Sequence, default).Identity;

    // ---- server wins, client wins ----

    private void NoteLost(EntityState state, BatchColumns batch, int mutation, Dot dot, TypePolicies policies)
    {
        bool? isHidden = null;
        for (int c = batch.ChangeStart(mutation); c < batch.Mutations[mutation].ChangeEnd; c++)
        {
            ref readonly BatchColumns.ChangeRow change = ref batch.Changes[c];
            FieldPath path = batch.PathOf(change);
            if (!change.HasValue || path.IsRoot || path.Kind != PathKind.Key) continue;
            ConflictPolicy policy = policies.For(path);
            if (policy is not (ConflictPolicy.ServerWins or ConflictPolicy.ClientWins)) continue;
            ReadOnlySpan<SiblingSlot> register = state.At(path);
            if (register.Length < 2) continue;
            isHidden ??= !EffectiveState.IsAlive(state, authors.Ids, policies, refusals.Now);
            if (isHidden.Value) return;
            NoteLost(state.Key, path, register, dot, change.Value, policy);
        }
    }

    private void NoteLost(
        EntityKey key, FieldPath path, ReadOnlySpan<SiblingSlot> register, Dot incoming, Value value, ConflictPolicy policy)
    {
        foreach (ref readonly SiblingSlot slot in register)
        {
            Dot held = authors.Ids.Resolve(slot.Dot);
            if (held == incoming || slot.IsLost || slot.IsRefused || slot.Value == value) continue;
            if (lost.Contains((key, path, held)) || postponed.IsMarked(key, path, held)
                || restoredHere.ContainsKey((key, path, slot.Dot.Identity))) continue;
            Dot loser = policy == ConflictPolicy.ServerWins ? incoming : held;
            lost.Add((key, path, loser));
            annotations.Add(new Annotation(key, path, loser, MarkContent.Lost));
            if (policy == ConflictPolicy.ServerWins) return;
        }
    }
}
