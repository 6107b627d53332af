using System.Text;

namespace Crdt.Testing;

/// <summary>Batches of every shape that the format allows, also shapes that this build never writes: kinds of paths it
/// does not know, counters under elements, claims from the future.</summary>
internal static class ForeignBatches
{
    private static readonly string[] Names = ["a", "b", "species", "größe", "鳥", "🦅", new('n', 255), "x/y", "~"];

    private static readonly string[] Ids =
        ["1", "2", "0f8fad5b-d9cb-469f-a165-70867728950e", "0F8FAD5B-d9cb-469f-a165-70867728950e", "a/b", new('i', 255)];

    public static readonly ReplicaId Author = Team.IdOf(1);

    /// <summary>Everything that a batch and its place in the log hold.</summary>
    public static BatchColumns Build(Random random, out long firstSequence)
    {
        firstSequence = random.Next(3) switch { 0 => 1, 1 => random.Next(1, 1_000), _ => random.NextInt64(1, Dot.SequenceMax - 50) };
        return Build(random, firstSequence, others: 3);
    }

    /// <param name="random">Decides.</param>
    /// <param name="firstSequence">Where the batch begins.</param>
    /// <param name="others">How many other replicas may be named in observed dots.</param>
    public static BatchColumns Build(Random random, long firstSequence, int others)
    {
        var columns = new BatchColumns { Role = (ReplicaRole)random.Next(3) };
        int mutations = random.Next(1, random.Next(2) == 0 ? 4 : 30);
        var now = new HybridTimestamp((ulong)random.NextInt64(1, long.MaxValue));
        for (int m = 0; m < mutations; m++)
        {
            AddMutation(random, columns, firstSequence + m, now, others);
            now = new HybridTimestamp(now.Bits + (ulong)(random.Next(2) == 0 ? random.Next(1, 3) : random.NextInt64(1, 1L << 40)));
        }
        columns.Mutations[mutations - 1].EndsTransaction = true;
        return columns;
    }

    public static Value Value(Random random, int depth = 0) => random.Next(depth < 3 ? 14 : 10) switch
    {
        0 => default,
        1 => random.Next(2) == 0,
        2 => random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64),
        3 => random.NextDouble() * Math.Pow(10, random.Next(-300, 300)),
        4 => Text(random),
        5 => Names[random.Next(Names.Length)],
        6 => Bytes(random),
        7 => new DateTimeOffset(random.NextInt64(DateTimeOffset.MaxValue.Ticks), TimeSpan.Zero),
        8 => DateTimeOffset.FromUnixTimeSeconds(random.NextInt64(-1L << 33, 1L << 35)).AddTicks(random.Next(2) * random.Next(10_000_000)),
        9 => (double)random.Next(-2, 3) * 0.0,
        10 or 11 => Crdt.Value.ArrayOf(Enumerable.Range(0, random.Next(4)).Select(_ => Value(random, depth + 1))),
        _ => Crdt.Value.ObjectOf(Enumerable.Range(0, random.Next(4))
            .Select(i => KeyValuePair.Create($"{Text(random)}{i}", Value(random, depth + 1)))),
    };

    public static FieldPath Path(Random random, bool isStrange)
    {
        if (random.Next(2) == 0) return Names[random.Next(Names.Length)];
        var bytes = new List<byte>();
        for (int depth = random.Next(1, 4); depth > 0; depth--)
        {
            byte[] name = Encoding.UTF8.GetBytes(Names[random.Next(Names.Length)]);
            int[] codes = isStrange ? [0, 4, 9, 1, 5, 8, 12, 13, 252] : bytes.Count == 0 || depth > 1 ? [0] : [0, 4, 9];
            bytes.Add((byte)codes[random.Next(codes.Length)]);
            bytes.Add((byte)name.Length);
            bytes.AddRange(name);
        }
        byte[] canonical = [.. bytes];
        Check.True(FieldPath.IsCanonical(canonical));
        return FieldPath.FromTrusted(canonical);
    }

    private static void AddMutation(
        Random random, BatchColumns columns, long sequence, HybridTimestamp now, int others)
    {
        var kind = (MutationKind)random.Next(columns.Role == ReplicaRole.Client ? 4 : 7);
        ref BatchColumns.MutationRow row = ref columns.AddMutation();
        (row.Kind, row.Timestamp, row.EndsTransaction) = (kind, now, random.Next(2) == 0);
        row.Entity = columns.Entities.GetOrAdd(kind == MutationKind.Fence
            ? new(EntityKey.SpaceDomain, EntityKey.FenceType, Ids[random.Next(Ids.Length)])
            : new($"d{random.Next(2)}", $"t{random.Next(2)}", Ids[random.Next(Ids.Length)]));
        if (random.Next(4) == 0) row.User = columns.Users.GetOrAdd(Names[random.Next(Names.Length)]);
        if (random.Next(6) == 0) row.Context = Value(random);
        if (random.Next(6) == 0)
        {
            row.Origin = new MutationOrigin(random.Next(2) == 0 ? Guid.Parse(Ids[2]) : null,
                new Dot(Team.IdOf(random.Next(5)), random.NextInt64(1, Dot.SequenceMax)));
        }
        bool writesRoot = kind is MutationKind.Create or MutationKind.Delete || random.Next(3) > 0;
        if (writesRoot)
        {
            ref BatchColumns.ChangeRow root = ref columns.AddChange(BatchColumns.RootPath);
            if (kind is not (MutationKind.Mark or MutationKind.Purge))
                (root.HasValue, root.Value) = (true, Crdt.Value.From(kind != MutationKind.Delete));
            AddDots(random, columns, sequence, others);
            if (kind == MutationKind.Mark) AddMark(random, columns, others);
            if (kind == MutationKind.Purge) NameSomething(columns, sequence);
        }
        FieldPath[] paths = [.. Enumerable.Range(0, random.Next(writesRoot ? 0 : 1, 5))
            .Select(_ => Path(random, isStrange: random.Next(3) == 0)).Distinct().Order()];
        foreach (FieldPath path in paths)
        {
            if (kind is not (MutationKind.Mark or MutationKind.Purge))
            {
                AddChange(random, columns, path, sequence, now, others);
                continue;
            }
            columns.AddChange(columns.Paths.GetOrAdd(path));
            AddDots(random, columns, sequence, others);
            if (kind == MutationKind.Mark) AddMark(random, columns, others);
            else NameSomething(columns, sequence);
        }
    }

    private static void NameSomething(BatchColumns columns, long sequence)
    {
        int last = columns.ChangeCount - 1;
        if (columns.DotStart(last) != columns.Changes[last].DotEnd) return;
        if (sequence > 1) columns.AddDot(BatchColumns.Self, sequence - 1);
        else columns.AddDot(columns.IndexOfOther(Team.IdOf(200)), 1);
    }

    private static void AddMark(Random random, BatchColumns columns, int others)
    {
        ref BatchColumns.ChangeRow change = ref columns.Changes[columns.ChangeCount - 1];
        change.HasValue = true;
        bool isNamed = change.DotEnd > columns.DotStart(columns.ChangeCount - 1);
        MarkedSibling[] siblings = [.. Enumerable.Range(0, isNamed ? random.Next(3) : 1)
            .Select(_ => Sibling(random, others)).DistinctBy(s => s.Dot).OrderBy(s => s.Dot.Replica).ThenBy(s => s.Dot.Sequence)];
        FieldPath path = columns.PathOf(change);
        if (!isNamed && path.IsRoot) siblings[0] = siblings[0] with { Value = random.Next(2) == 0 };
        if (!isNamed && path.IsOffset) siblings[0] = siblings[0] with { Value = random.Next(9) };
        if (!isNamed && path.Rule == ReplaceRule.Own)
        {
            isNamed = true;
            columns.AddDot(columns.IndexOfOther(Team.IdOf(200)), 1);
        }
        change.Mark = !isNamed ? new MarkContent(MarkKind.Restored, default, siblings)
            : random.Next(2) == 0 ? MarkContent.Lost
            : random.Next(3) == 0 ? new MarkContent(MarkKind.Carried, default, siblings)
            : new MarkContent(MarkKind.Refused, (RefusalCode)random.Next(8), siblings);
    }

    private static MarkedSibling Sibling(Random random, int others)
    {
        var time = new HybridTimestamp((ulong)random.NextInt64(1, long.MaxValue));
        return new MarkedSibling(AnyDot(random, others), (ReplicaRole)random.Next(3), time,
            random.Next(3) == 0 ? new HybridTimestamp(time.Bits ^ 1) : default, random.Next(2) == 0, Value(random),
            AnyDots(random, others));
    }

    // The space's founder is the one that everybody has heard of.
    private static Dot AnyDot(Random random, int others) => others == 0
        ? new Dot(Team.IdOf(200), 1)
        : new Dot(Team.IdOf(random.Next(1, 5)), random.NextInt64(1, 9));

    private static Dot[] AnyDots(Random random, int others) => [.. Enumerable.Range(0, random.Next(3)).Select(_ => AnyDot(random, others))
        .Distinct().OrderBy(d => d.Replica).ThenBy(d => d.Sequence)];

    private static void AddChange(
        Random random, BatchColumns columns, FieldPath path, long sequence, HybridTimestamp now, int others)
    {
        ref BatchColumns.ChangeRow change = ref columns.AddChange(columns.Paths.GetOrAdd(path));
        change.HasValue = random.Next(3) > 0;
        bool isOwn = path.Rule == ReplaceRule.Own;
        if (change.HasValue)
        {
            change.Value = path.IsCounter ? random.NextInt64(-5, 5) : Value(random);
            if (isOwn && sequence > 1 && random.Next(2) == 0) change.CounterStart = random.NextInt64(1, sequence);
            if (!isOwn && random.Next(4) == 0) change.Remembered = AnyDots(random, others);
            if (!isOwn && random.Next(4) == 0) change.Claim = new HybridTimestamp(now.Bits ^ (ulong)random.Next(1, 100_000));
        }
        AddDots(random, columns, sequence, others);
        if (change.HasValue || isOwn || columns.DotStart(columns.ChangeCount - 1) != columns.DotCount) return;
        if (sequence > 1) columns.AddDot(BatchColumns.Self, sequence - 1);
        else columns.Changes[columns.ChangeCount - 1].HasValue = true;
    }

    private static void AddDots(Random random, BatchColumns columns, long sequence, int others)
    {
        var dots = new SortedSet<(bool, ReplicaId, long)>();
        for (int i = random.Next(4); i > 0; i--)
        {
            if ((others == 0 || random.Next(2) == 0) && sequence > 1) dots.Add((false, Author, Math.Max(1, sequence - random.Next(1, 4))));
            else if (others > 0) dots.Add((true, Team.IdOf(random.Next(2, 2 + others)), random.Next(2) == 0 ? random.Next(1, 4) : random.NextInt64(1, Dot.SequenceMax)));
        }
        foreach ((bool isOther, ReplicaId replica, long dot) in dots)
            columns.AddDot(isOther ? columns.IndexOfOther(replica) : BatchColumns.Self, dot);
    }

    private static string Text(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(4)).Select(_ => Names[random.Next(6)]));

    private static byte[] Bytes(Random random)
    {
        byte[] bytes = new byte[random.Next(40)];
        random.NextBytes(bytes);
        return bytes;
    }
}
