using System.Buffers;

namespace Crdt;

/// <summary>Carries out the changes of a mutation on an entity's siblings: the same for the replica's own mutations
/// and for everybody else's.</summary>
internal static class ChangeApplier
{
    private const int OnStackMax = 64;

    /// <param name="state">The entity's state, working.</param>
    /// <param name="columns">The batch.</param>
    /// <param name="mutation">Which of its mutations.</param>
    /// <param name="author">Index of the author.</param>
    /// <param name="sequence">Sequence of the mutation.</param>
    /// <param name="others">Index of each of the batch's other replicas.</param>
    /// <param name="replicas">The replica's table; holds every replica that the mutation names.</param>
    public static void Apply(
        EntityState state, BatchColumns columns, int mutation, int author, long sequence, ReadOnlySpan<int> others,
        ReplicaTable replicas)
    {
        ref readonly BatchColumns.MutationRow row = ref columns.Mutations[mutation];
        var dot = new LocalDot(author, sequence, columns.Role);
        Span<ulong> onStack = stackalloc ulong[OnStackMax];
        for (int c = columns.ChangeStart(mutation); c < row.ChangeEnd; c++)
        {
            ref readonly BatchColumns.ChangeRow change = ref columns.Changes[c];
            int start = columns.DotStart(c), count = change.DotEnd - start;
            ulong[]? rented = count > OnStackMax ? ArrayPool<ulong>.Shared.Rent(count) : null;
            Span<ulong> observed = (rented ?? onStack)[..count];
            for (int d = 0; d < count; d++)
            {
                int replica = columns.DotReplica[start + d];
                int index = replica == BatchColumns.Self ? author : others[replica - 1];
                observed[d] = new LocalDot(index, columns.DotSequence[start + d], default).Identity;
            }
            FieldPath path = columns.PathOf(change);
            if (change.Mark is { } mark)
            {
                Annotate(state, path, dot, mark, observed, replicas);
            }
            else
            {
                SiblingSlot? addition = change.HasValue
                    ? new SiblingSlot(path, dot, row.Timestamp, change.Value,
                        ExtraOf(row.Kind, path, change, sequence, observed, replicas))
                    : null;
                state.Apply(path, author, observed, addition, columns.Role);
            }
            if (rented is not null) ArrayPool<ulong>.Shared.Return(rented);
        }
    }

    /// <summary>By how many siblings a mutation makes an entity larger, when what is there already is replaced: a guess that is
    /// seldom wrong.</summary>
    public static int Growth(EntityState state, BatchColumns columns, int mutation)
    {
        int growth = 0;
        for (int c = columns.ChangeStart(mutation); c < columns.Mutations[mutation].ChangeEnd; c++)
        {
            ref readonly BatchColumns.ChangeRow change = ref columns.Changes[c];
            if (change.HasValue && change.Mark is null && state.At(columns.PathOf(change)).IsEmpty) growth++;
        }
        return growth;
    }

    private static void Annotate(
        EntityState state, FieldPath path, LocalDot dot, MarkContent mark, ReadOnlySpan<ulong> named, ReplicaTable replicas)
    {
        if (mark.Kind != MarkKind.Restored)
        {
            state.Annotate(path, named, MarksOf(mark, replicas), replicas);
            return;
        }
        RestoredSibling original = Localize(mark.Siblings[0], replicas);
        var extra = new SiblingExtra(original.Claim, 0, original.Replaced)
        {
            StandsFor = original.Dot,
            Marks = original.IsLost ? SiblingMarks.Lost : null,
        };
        state.Apply(path, dot.Author, [], new SiblingSlot(path, dot, original.Timestamp, original.Value, extra), dot.Role);
    }

    /// <summary>What a mark adds to a sibling's marks.</summary>
    public static SiblingMarks MarksOf(MarkContent mark, ReplicaTable replicas) => mark.Kind == MarkKind.Lost
        ? SiblingMarks.Lost
        : new SiblingMarks(false, mark.Kind == MarkKind.Refused ? [mark.Code] : [], [.. mark.Siblings.Select(s => Localize(s, replicas))]);

    private static RestoredSibling Localize(MarkedSibling sibling, ReplicaTable replicas) => new(
        Localize(sibling.Dot, sibling.Role, replicas), sibling.Timestamp, sibling.Claim, sibling.IsLost, sibling.Value,
        [.. sibling.Replaced.Select(d => Localize(d, default, replicas))]);

    private static LocalDot Localize(Dot dot, ReplicaRole role, ReplicaTable replicas) =>
        new(replicas.GetOrAdd(dot.Replica), dot.Sequence, role);

    private static SiblingExtra? ExtraOf(
        MutationKind kind, FieldPath path, in BatchColumns.ChangeRow change, long sequence, ReadOnlySpan<ulong> observed,
        ReplicaTable replicas)
    {
        if (path.Rule == ReplaceRule.Own)
            return SiblingExtra.OfCounter(change.CounterStart == 0 ? sequence : change.CounterStart);
        bool remembers = change.Remembered is not null
            || (path.IsRoot && kind is MutationKind.Delete or MutationKind.Create);
        if (!remembers || (observed.IsEmpty && change.Remembered is not { Length: > 0 }))
            return change.Claim == default ? null : new SiblingExtra(change.Claim, 0, []);
        return new SiblingExtra(change.Claim, 0, Remember(observed, change.Remembered ?? [], replicas));
    }

    /// <summary>Of each author the last dot: it stands for those before it.</summary>
    private static LocalDot[] Remember(ReadOnlySpan<ulong> observed, Dot[] remembered, ReplicaTable replicas)
    {
        var last = new LastDots();
        foreach (ulong bits in observed) last.Add(new LocalDot(bits));
        foreach (Dot dot in remembered) last.Add(Localize(dot, default, replicas));
        return last.ToSorted(replicas);
    }
}
