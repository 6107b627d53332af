using Crdt.Testing;

namespace Crdt.Properties;

/// <summary>Makes runs as a hostile node could: any content, any role, any key.</summary>
internal sealed class Forger(Team team, ReplicaId author)
{
    private HybridTimestamp now = HybridTimestamp.FromUnixMs(Team.Start.ToUnixTimeMilliseconds() + 1_000);

    /// <summary>The role of the batch.</summary>
    public ReplicaRole Role { get; init; }

    /// <summary>What the head is signed with.</summary>
    public NodeKey Key { get; init; } = DeterministicSignatures.KeyOf(author);

    /// <summary>What the first mutation names as the enrolment; <see langword="null"/> for the true one.</summary>
    public Dot? Enrolled { get; init; }

    /// <summary>What it shows; by default nothing, as by an enrolment of the founding.</summary>
    public Enrolment? Proof { get; init; }

    /// <summary>Whose enrolment it names; by default its own.</summary>
    public ReplicaId? Of { get; init; }

    /// <summary>Whether the first mutation names an enrolment at all.</summary>
    public bool Joins { get; init; } = true;

    /// <summary>The space that the signature is for.</summary>
    public SpaceId Space { get; init; } = team.Genesis.Space;

    /// <summary>A first run: joining, and one entity.</summary>
    public BatchRun First(EntityKey key, params KeyValuePair<FieldPath, Value>[] fields)
    {
        var columns = new BatchColumns { Role = Role };
        if (Joins)
        {
            Dot dot = Enrolled ?? team[0].Writer.Trust.FindDot(Of ?? author)!.Value;
            Add(columns, Enrolment.KeyOf(Of ?? author), MutationKind.Update);
            columns.AddDot(columns.IndexOfOther(dot.Replica), dot.Sequence);
            Write(columns, "joined", Proof is null ? Value.True : EnrolmentFields.ToProof(Proof));
        }
        Create(columns, key, fields);
        return Close(columns, 1, AuthorTable.ChainStart(author));
    }

    /// <summary>A further run.</summary>
    public BatchRun Next(BatchRun before, EntityKey key, params KeyValuePair<FieldPath, Value>[] fields)
    {
        var columns = new BatchColumns { Role = Role };
        Create(columns, key, fields);
        return Close(columns, before.LastSequence + 1, before.Head.Span[..32].ToArray());
    }

    /// <summary>A further run that marks, purges or fences.</summary>
    /// <param name="before">The run before.</param>
    /// <param name="kind">Which of the three.</param>
    /// <param name="key">The entity; for a fence any.</param>
    /// <param name="target">A sibling of the root that is marked or purged; whose log is fenced.</param>
    public BatchRun Annotate(BatchRun before, MutationKind kind, EntityKey key, Dot target)
    {
        var columns = new BatchColumns { Role = Role };
        bool isFence = kind == MutationKind.Fence;
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        (row.Kind, row.Timestamp) = (kind, now = now.Next());
        row.Entity = columns.Entities.GetOrAdd(isFence ? new(EntityKey.SpaceDomain, EntityKey.FenceType, $"{target.Replica}") : key);
        if (isFence) Write(columns, FieldPath.Field($"1-{new string('a', 64)}"), "forked");
        else
        {
            ref BatchColumns.ChangeRow root = ref columns.AddChange(BatchColumns.RootPath);
            if (kind == MutationKind.Mark) (root.HasValue, root.Mark) = (true, MarkContent.Lost);
            columns.AddDot(columns.IndexOfOther(target.Replica), target.Sequence);
        }
        return Close(columns, before.LastSequence + 1, before.Head.Span[..32].ToArray());
    }

    /// <summary>Signs a run's head anew.</summary>
    public BatchRun Sign(BatchRun run) => run with
    {
        Head = (byte[])[.. run.Head.Span[..32], .. Key.Sign(SignedBytes.OfHead(Space, author, run.LastSequence, run.Head.Span[..32]))],
    };

    private BatchRun Close(BatchColumns columns, long first, byte[] head)
    {
        columns.Mutations[columns.MutationCount - 1].EndsTransaction = true;
        byte[] batch = new BatchWriter().Write(columns, first);
        return Sign(new BatchRun(author, first, [batch], first + columns.MutationCount - 1, AuthorTable.ChainNext(head, batch)));
    }

    private void Create(BatchColumns columns, EntityKey key, KeyValuePair<FieldPath, Value>[] fields)
    {
        Add(columns, key, MutationKind.Create);
        foreach ((FieldPath field, Value value) in fields.OrderBy(f => f.Key)) Write(columns, field, value);
    }

    private void Add(BatchColumns columns, EntityKey key, MutationKind kind)
    {
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        (row.Kind, row.Timestamp) = (kind, now = now.Next());
        row.Entity = columns.Entities.GetOrAdd(key);
        ref BatchColumns.ChangeRow root = ref columns.AddChange(BatchColumns.RootPath);
        (root.HasValue, root.Value) = (true, Value.True);
    }

    private static void Write(BatchColumns columns, FieldPath field, Value value)
    {
        ref BatchColumns.ChangeRow change = ref columns.AddChange(columns.Paths.GetOrAdd(field));
        (change.HasValue, change.Value) = (true, value);
    }
}
