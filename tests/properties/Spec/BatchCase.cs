namespace Crdt.Properties.Spec;

/// <summary>A batch put together by hand, place by place, independent of the engine.</summary>
internal sealed class BatchCase(string name, ReplicaId author, long first)
{
    private ulong now = 1_777_622_400_000UL << 16;

    public string Name => name;

    public ReplicaId Author => author;

    public long First => first;

    public BatchColumns Columns { get; } = new();

    /// <summary>Milliseconds and counter of the next mutation, from the last.</summary>
    public BatchCase After(int milliseconds, int counter = 0)
    {
        now = (((now >> 16) + (ulong)milliseconds) << 16) | (uint)counter;
        return this;
    }

    public BatchCase Mutation(
        MutationKind kind, EntityKey key, string? user = null, MutationOrigin? origin = null, Value context = default)
    {
        ref BatchColumns.MutationRow row = ref Columns.AddMutation();
        row.Kind = kind;
        row.Timestamp = new HybridTimestamp(now);
        row.Entity = Columns.Entities.GetOrAdd(key);
        row.Origin = origin;
        row.Context = context;
        if (user is not null) row.User = Columns.Users.GetOrAdd(user);
        now++;
        return this;
    }

    public BatchCase Root(params Dot[] observed)
    {
        ref BatchColumns.ChangeRow change = ref Columns.AddChange(BatchColumns.RootPath);
        MutationKind kind = Columns.Mutations[Columns.MutationCount - 1].Kind;
        if (kind != MutationKind.Purge) (change.HasValue, change.Value) = (true, kind != MutationKind.Delete);
        return Observe(observed);
    }

    public BatchCase Set(FieldPath path, Value value, params Dot[] observed)
    {
        ref BatchColumns.ChangeRow change = ref Columns.AddChange(Columns.Paths.GetOrAdd(path));
        (change.HasValue, change.Value) = (true, value);
        return Observe(observed);
    }

    public BatchCase Remove(FieldPath path, params Dot[] observed)
    {
        Columns.AddChange(Columns.Paths.GetOrAdd(path));
        return Observe(observed);
    }

    public BatchCase Mark(FieldPath path, MarkContent mark, params Dot[] named)
    {
        ref BatchColumns.ChangeRow change = ref Columns.AddChange(path.IsRoot ? BatchColumns.RootPath : Columns.Paths.GetOrAdd(path));
        (change.HasValue, change.Mark) = (true, mark);
        return Observe(named);
    }

    public BatchCase Remember(params Dot[] dots)
    {
        Columns.Changes[Columns.ChangeCount - 1].Remembered = dots;
        return this;
    }

    public BatchCase Claim(ulong bits)
    {
        Columns.Changes[Columns.ChangeCount - 1].Claim = new HybridTimestamp(bits);
        return this;
    }

    public BatchCase CounterStart(long sequence)
    {
        Columns.Changes[Columns.ChangeCount - 1].CounterStart = sequence;
        return this;
    }

    public BatchCase End()
    {
        Columns.Mutations[Columns.MutationCount - 1].EndsTransaction = true;
        return this;
    }

    public Dot Own(long sequence) => new(author, sequence);

    private BatchCase Observe(Dot[] observed)
    {
        foreach (Dot dot in observed)
            Columns.AddDot(dot.Replica == author ? BatchColumns.Self : Columns.IndexOfOther(dot.Replica), dot.Sequence);
        return this;
    }
}
