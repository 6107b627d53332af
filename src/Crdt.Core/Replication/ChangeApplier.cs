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
    public static void Apply(
        EntityState state, BatchColumns columns, int mutation, int author, long sequence, ReadOnlySpan<int> others)
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
            SiblingSlot? addition = change.HasValue
                ? new SiblingSlot(path, dot, row.Timestamp, change.Value, ExtraOf(row.Kind, path, change, sequence, observed))
                : null;
            state.Apply(path, author, observed, addition, columns.Role);
            if (rented is not null) ArrayPool<ulong>.Shared.Return(rented);
        }
    }

    private static SiblingExtra? ExtraOf(
        MutationKind kind, FieldPath path, in BatchColumns.ChangeRow change, long sequence, ReadOnlySpan<ulong> observed)
    {
        if (change.Claim != default) return SiblingExtra.OfClaim(change.Claim);
        if (path.Rule == ReplaceRule.Own)
            return SiblingExtra.OfCounter(change.CounterStart == 0 ? sequence : change.CounterStart);
        if (kind != MutationKind.Delete || !path.IsRoot || observed.IsEmpty) return null;
        LocalDot[] heads = new LocalDot[observed.Length];
        for (int i = 0; i < heads.Length; i++) heads[i] = new LocalDot(observed[i]);
        return SiblingExtra.OfDelete(heads);
    }
}
