namespace Crdt;

/// <summary>A batch taken apart into columns: what is encoded, what was decoded, and what is applied. Reused from
/// batch to batch; no object per mutation.</summary>
internal sealed class BatchColumns
{
    /// <summary>The author itself among the dots; others are their index in <see cref="Others"/> plus 1.</summary>
    public const int Self = 0;

    /// <summary>The root register in a change row.</summary>
    public const int RootPath = -1;

    public ReplicaRole Role;

    // One row per mutation.
    public MutationRow[] Mutations = new MutationRow[4];
    public int MutationCount;

    // One row per change; the changes of mutation i end at Mutations[i].ChangeEnd. The root's comes first.
    public ChangeRow[] Changes = new ChangeRow[8];
    public int ChangeCount;

    // Observed dots; those of change j end at Changes[j].DotEnd.
    public int[] DotReplica = new int[8];
    public long[] DotSequence = new long[8];
    public int DotCount;

    public readonly FirstUseTable<EntityKey> Entities = new();
    public readonly FirstUseTable<FieldPath> Paths = new();
    public readonly FirstUseTable<string> Users = new();
    public readonly FirstUseTable<ReplicaId> Others = new();

    public struct MutationRow
    {
        public MutationKind Kind;
        public bool EndsTransaction;
        public int Entity, User, ChangeEnd;
        public HybridTimestamp Timestamp;
        public MutationOrigin? Origin;
        public Value Context;
    }

    public struct ChangeRow
    {
        public int Path, DotEnd;
        public bool HasValue;
        public Value Value;
        public HybridTimestamp Claim;
        public long CounterStart;

        /// <summary>What a change remembers to have been replaced before, beside what it observed; null where the
        /// change does not remember. In order, without what it observed.</summary>
        public Dot[]? Remembered;

        /// <summary>What a mark says; null in all other mutations.</summary>
        public MarkContent? Mark;
    }

    /// <summary>How far the columns were filled; to come back to when a transaction is given up.</summary>
    public readonly record struct Mark(
        int Mutations, int Changes, int Dots, int Entities, int Paths, int Users, int Others);

    public Mark Position =>
        new(MutationCount, ChangeCount, DotCount, Entities.Count, Paths.Count, Users.Count, Others.Count);

    public int ChangeStart(int mutation) => mutation == 0 ? 0 : Mutations[mutation - 1].ChangeEnd;

    public int DotStart(int change) => change == 0 ? 0 : Changes[change - 1].DotEnd;

    public void Clear()
    {
        Array.Clear(Mutations, 0, MutationCount);
        Array.Clear(Changes, 0, ChangeCount);
        (MutationCount, ChangeCount, DotCount) = (0, 0, 0);
        Entities.Clear();
        Paths.Clear();
        Users.Clear();
        Others.Clear();
    }

    public void Truncate(Mark mark)
    {
        Array.Clear(Mutations, mark.Mutations, MutationCount - mark.Mutations);
        Array.Clear(Changes, mark.Changes, ChangeCount - mark.Changes);
        (MutationCount, ChangeCount, DotCount) = (mark.Mutations, mark.Changes, mark.Dots);
        Entities.Truncate(mark.Entities);
        Paths.Truncate(mark.Paths);
        Users.Truncate(mark.Users);
        Others.Truncate(mark.Others);
    }

    public ref MutationRow AddMutation()
    {
        if (MutationCount == Mutations.Length) Array.Resize(ref Mutations, MutationCount * 2);
        ref MutationRow row = ref Mutations[MutationCount++];
        row = new MutationRow { User = -1, ChangeEnd = ChangeCount };
        return ref row;
    }

    /// <summary>Adds a change to the last mutation.</summary>
    public ref ChangeRow AddChange(int path)
    {
        if (ChangeCount == Changes.Length) Array.Resize(ref Changes, ChangeCount * 2);
        ref ChangeRow row = ref Changes[ChangeCount++];
        row = new ChangeRow { Path = path, DotEnd = DotCount };
        Mutations[MutationCount - 1].ChangeEnd = ChangeCount;
        return ref row;
    }

    /// <summary>Adds an observed dot to the last change.</summary>
    public void AddDot(int replica, long sequence)
    {
        if (DotCount == DotReplica.Length)
        {
            Array.Resize(ref DotReplica, DotCount * 2);
            Array.Resize(ref DotSequence, DotCount * 2);
        }
        DotReplica[DotCount] = replica;
        DotSequence[DotCount++] = sequence;
        Changes[ChangeCount - 1].DotEnd = DotCount;
    }

    /// <summary>The index of another replica than the author, for <see cref="DotReplica"/>.</summary>
    public int IndexOfOther(ReplicaId replica) => Others.GetOrAdd(replica) + 1;

    public FieldPath PathOf(in ChangeRow change) => change.Path == RootPath ? FieldPath.Root : Paths[change.Path];

    /// <summary>One mutation as an object, for people and tools.</summary>
    public Mutation ToMutation(int mutation, ReplicaId author, long firstSequence)
    {
        ref readonly MutationRow row = ref Mutations[mutation];
        var changes = new List<Change>();
        for (int c = ChangeStart(mutation); c < row.ChangeEnd; c++)
        {
            ref readonly ChangeRow change = ref Changes[c];
            var observed = new List<Dot>();
            for (int d = DotStart(c); d < change.DotEnd; d++)
                observed.Add(new Dot(DotReplica[d] == Self ? author : Others[DotReplica[d] - 1], DotSequence[d]));
            changes.Add(new Change(
                PathOf(change), change.HasValue && change.Mark is null ? change.Value : (Value?)null, observed,
                change.Claim == default ? null : change.Claim)
            { Mark = change.Mark, Remembered = change.Remembered, CounterStart = change.CounterStart });
        }
        return new Mutation(
            new Dot(author, firstSequence + mutation), row.Kind, Entities[row.Entity], row.Timestamp, Role,
            row.User < 0 ? null : Users[row.User], row.Origin, row.Context, row.EndsTransaction, changes);
    }
}
