namespace Crdt.Properties;

/// <summary>Entities with siblings of every kind, as one replica might hold them.</summary>
internal sealed class States
{
    private const long SequenceMax = 1_000;

    private readonly ReplicaTable replicas = new();
    private readonly SnapshotHead[] heads;

    private States(IEnumerable<ReplicaId> order, IEnumerable<ReplicaId> all)
    {
        foreach (ReplicaId id in order) replicas.GetOrAdd(id);
        heads = [.. all.Order().Select(id => new SnapshotHead(id, SequenceMax, new byte[32]))];
    }

    public List<EntityState> Entities { get; private init; } = [];

    public static States Build(Random random, bool isSmall = false)
    {
        ReplicaId[] ids = [.. Enumerable.Range(1, 5).Select(Team.IdOf)];
        var states = new States(ids, ids);
        int count = isSmall ? random.Next(1, 5) : random.Next(1, 60);
        var keys = Enumerable.Range(0, count).Select(_ => random.Next(3) == 0
            ? new EntityKey("d", $"t{random.Next(3)}", Team.IdOf(random.Next(90)).ToString())
            : new EntityKey($"d{random.Next(2)}", "t", $"{random.Next(1_000)}")).Distinct().Order();
        foreach (EntityKey key in keys) states.Entities.Add(states.Entity(key, random, isSmall));
        return states;
    }

    /// <summary>One sibling whose marks restore more than a chunk holds.</summary>
    public static States WithPieces() => With(slot => [slot], lengthBytes: 200_000);

    /// <summary>One sibling told twice as if in parts, where the second is no part of the first.</summary>
    public static IEnumerable<States> WithForeignPieces()
    {
        static SiblingSlot Marked(SiblingSlot slot, Func<SiblingMarks, SiblingMarks?> change) =>
            new(slot.Path, slot.Dot, slot.Timestamp, slot.Value, slot.Extra! with { Marks = change(slot.Extra.Marks!) });
        Func<SiblingSlot, SiblingSlot>[] changes =
        [
            s => new(s.Path, s.Dot, s.Timestamp, s.Value, null),
            s => Marked(s, _ => null),
            s => Marked(s, m => m with { Restored = [] }),
            s => Marked(s, m => m with { IsLost = true }),
            s => Marked(s, m => m with { Codes = [(RefusalCode)2] }),
            s => new(s.Path, s.Dot, new HybridTimestamp(s.Timestamp.Bits + 1), s.Value, s.Extra),
            s => new(s.Path, s.Dot, s.Timestamp, "other", s.Extra),
            s => new(s.Path, s.Dot, s.Timestamp, s.Value, s.Extra! with { Claim = new HybridTimestamp(5) }),
        ];
        foreach (Func<SiblingSlot, SiblingSlot> change in changes)
        {
            yield return With(slot => [First(slot), change(Second(slot))], lengthBytes: 10);
            yield return With(slot => [change(First(slot)), Second(slot)], lengthBytes: 10);
        }
        yield return With(slot => [First(slot), First(slot)], lengthBytes: 10);

        static SiblingSlot First(SiblingSlot slot) => Marked(slot, m => m with { Restored = m.Restored[..1] });
        static SiblingSlot Second(SiblingSlot slot) => Marked(slot, m => m with { Restored = m.Restored[1..] });
    }

    private static States With(Func<SiblingSlot, IEnumerable<SiblingSlot>> told, int lengthBytes)
    {
        ReplicaId[] ids = [.. Enumerable.Range(1, 5).Select(Team.IdOf)];
        var states = new States(ids, ids);
        EntityState state = new EntityState(new("d", "t", "1")).ToWorking(4);
        RestoredSibling Restored(long sequence)
        {
            byte[] bytes = new byte[lengthBytes];
            new Random((int)sequence).NextBytes(bytes);
            return new(new LocalDot(1, sequence, ReplicaRole.Client), new HybridTimestamp(7), default, false, Value.From(bytes), []);
        }
        var marks = new SiblingMarks(false, [(RefusalCode)1], [Restored(1), Restored(2)]);
        var whole = new SiblingSlot(FieldPath.Field("a"), new LocalDot(2, 3, ReplicaRole.Client), new HybridTimestamp(9), "x",
            new SiblingExtra(default, 0, []) { Marks = marks });
        foreach (SiblingSlot slot in told(whole)) state.Append(slot);
        state.Trim();
        states.Entities.Add(state);
        return states;
    }

    public IReadOnlyList<byte[]> Encode()
    {
        var writer = new SnapshotWriter(heads, replicas);
        var chunks = new List<byte[]>();
        foreach (EntityState state in Entities) chunks.AddRange(writer.Add(state));
        if (writer.Finish() is { } last) chunks.Add(last);
        return chunks;
    }

    public States Decode(IEnumerable<byte[]> chunks)
    {
        var read = new States(heads.Select(h => h.Author), heads.Select(h => h.Author));
        var reader = new SnapshotReader(heads, [.. Enumerable.Range(0, heads.Length)], read.replicas);
        foreach (byte[] chunk in chunks) reader.Read(chunk, read.Entities);
        if (reader.Finish() is { } last) read.Entities.Add(last);
        return read;
    }

    /// <summary>The same on a replica that met the others in another order, and heard of the siblings in another.</summary>
    public States Elsewhere(Random random)
    {
        ReplicaId[] shuffled = [.. heads.Select(h => h.Author)];
        random.Shuffle(shuffled);
        var other = new States(shuffled, shuffled);
        LocalDot Map(LocalDot dot) => dot == default ? default : new(other.replicas.GetOrAdd(replicas[dot.Author]), dot.Sequence, dot.Role);
        foreach (EntityState state in Entities)
        {
            EntityState copy = new EntityState(state.Key).ToWorking(4);
            foreach (IGrouping<FieldPath, SiblingSlot> register in state.Slots.ToArray().GroupBy(s => s.Path))
            {
                foreach (SiblingSlot slot in register.Reverse())
                {
                    copy.Append(new SiblingSlot(slot.Path, Map(slot.Dot), slot.Timestamp, slot.Value, slot.Extra is not { } extra ? null
                        : extra with
                        {
                            Replaced = [.. extra.Replaced.Select(Map)],
                            StandsFor = Map(extra.StandsFor),
                            Marks = extra.Marks is not { } marks ? null : marks with
                            {
                                Restored = [.. marks.Restored.Select(r => r with { Dot = Map(r.Dot), Replaced = [.. r.Replaced.Select(Map)] })],
                            },
                        }));
                }
            }
            copy.Trim();
            other.Entities.Add(copy);
        }
        return other;
    }

    public UInt128 DigestOf(EntityState state) => StateDigest.Of(state, replicas);

    private EntityState Entity(EntityKey key, Random random, bool isSmall)
    {
        EntityState state = new EntityState(key).ToWorking(8);
        foreach (FieldPath path in Paths(random).Distinct().Order())
        {
            LocalDot[] dots = [.. Enumerable.Range(0, random.Next(4) == 0 ? 3 : 1).Select(_ => Dot(random)).DistinctBy(d => d.Identity)];
            foreach (LocalDot dot in dots)
            {
                var timestamp = new HybridTimestamp((ulong)random.NextInt64(1, 1L << 50));
                state.Append(new SiblingSlot(path, dot, timestamp, ValueAt(path, random, isSmall), ExtraAt(path, dot, random, isSmall)));
            }
        }
        state.Trim();
        return state;
    }

    private static IEnumerable<FieldPath> Paths(Random random)
    {
        yield return FieldPath.Root;
        for (int i = random.Next(6); i > 0; i--)
        {
            yield return random.Next(4) switch
            {
                0 => FieldPath.Field($"f{random.Next(9)}").AsCounter(),
                1 => FieldPath.Field("tags").Element($"e{random.Next(9)}"),
                2 => FieldPath.Of("m", $"f{random.Next(9)}"),
                _ => FieldPath.Field($"f{random.Next(9)}"),
            };
        }
    }

    private SiblingExtra? ExtraAt(FieldPath path, LocalDot dot, Random random, bool isSmall)
    {
        if (path.IsCounter) return SiblingExtra.OfCounter(random.NextInt64(1, dot.Sequence + 1));
        if (random.Next(3) > 0) return null;
        var claim = random.Next(2) == 0 ? default : new HybridTimestamp((ulong)random.NextInt64(1, 1L << 40) | (1UL << 55));
        LocalDot[] replaced = random.Next(2) == 0 ? [] : Dots(random);
        if (claim == default && replaced.Length == 0) replaced = [Dot(random)];
        return new SiblingExtra(claim, 0, replaced)
        {
            StandsFor = random.Next(3) == 0 ? Dot(random) : default,
            Marks = random.Next(2) == 0 ? null : MarksAt(path, random, isSmall),
        };
    }

    private SiblingMarks MarksAt(FieldPath path, Random random, bool isSmall)
    {
        RefusalCode[] codes = [.. Enumerable.Range(0, random.Next(3)).Select(_ => (RefusalCode)random.Next(5)).Distinct().Order()];
        RestoredSibling[] restored = [.. Dots(random).Select(d => new RestoredSibling(d, new HybridTimestamp((ulong)random.NextInt64(1, 1L << 50)),
            default, random.Next(2) == 0, ValueAt(path, random, isSmall), random.Next(2) == 0 ? [] : Dots(random)))];
        return new SiblingMarks(codes.Length == 0 || random.Next(2) == 0, codes, restored);
    }

    private LocalDot[] Dots(Random random)
    {
        LocalDot[] dots = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Dot(random)).DistinctBy(d => d.Identity)];
        Array.Sort(dots, replicas.CompareDots);
        return dots;
    }

    private static LocalDot Dot(Random random) =>
        new(random.Next(5), random.NextInt64(1, SequenceMax + 1), (ReplicaRole)random.Next(3));

    private static Value ValueAt(FieldPath path, Random random, bool isSmall)
    {
        if (path.IsRoot) return random.Next(2) == 0;
        if (path.IsCounter) return random.NextInt64();
        if (!isSmall && random.Next(30) == 0)
        {
            byte[] bytes = new byte[random.Next(200_000)];
            random.NextBytes(bytes);
            return Value.From(bytes);
        }
        return random.Next(3) switch { 0 => Value.ParseJson("""{"a":[1,2,null],"b":"x"}"""), 1 => $"text {random.Next(50)}", _ => random.Next() };
    }
}
