namespace Crdt.Testing;

/// <summary>The semantics a second time, as plainly as possible and at any price: from the whole history of mutations,
/// without their order.</summary>
public sealed class ReferenceModel
{
    private readonly Dictionary<(EntityKey Key, FieldPath Path), List<Sibling>> registers = [];
    private readonly Func<EntityKey, FieldPath, ConflictPolicy> policyOf;
    private readonly Func<EntityKey, ExistencePolicy> existenceOf;

    /// <summary>Works out what a replica of that history has to hold and show.</summary>
    /// <param name="history">Every mutation, each once; in any order.</param>
    /// <param name="policyOf">The policy in force for a field.</param>
    /// <param name="existenceOf">What decides whether an entity is alive; update wins when <see langword="null"/>.</param>
    public ReferenceModel(
        IReadOnlyList<Mutation> history, Func<EntityKey, FieldPath, ConflictPolicy> policyOf,
        Func<EntityKey, ExistencePolicy>? existenceOf = null)
    {
        this.policyOf = policyOf;
        this.existenceOf = existenceOf ?? (static _ => ExistencePolicy.UpdateWins);
        var changes = history.SelectMany(m => m.Changes.Select(c => (Mutation: m, Change: c))).ToList();
        // Of the space's own data a client replaces only what clients wrote.
        var named = changes.SelectMany(c => c.Change.Observed.Select(d => (c.Mutation.Key, c.Change.Path, Dot: d,
            ByClient: c.Mutation.Role == ReplicaRole.Client && c.Mutation.Key.IsSpaceData))).ToHashSet();
        var totals = changes.Where(c => c.Change.Path.Kind == PathKind.Counter)
            .GroupBy(c => (c.Mutation.Key, c.Change.Path, c.Mutation.Dot.Replica))
            .ToDictionary(g => g.Key, g => g.Max(c => c.Mutation.Dot.Sequence));
        foreach ((Mutation mutation, Change change) in changes)
        {
            List<Sibling> siblings = registers.GetValueOrDefault((mutation.Key, change.Path)) ?? [];
            registers[(mutation.Key, change.Path)] = siblings;
            bool isReplaced = named.Contains((mutation.Key, change.Path, mutation.Dot, false))
                || (mutation.Role == ReplicaRole.Client && named.Contains((mutation.Key, change.Path, mutation.Dot, true)))
                || totals.GetValueOrDefault((mutation.Key, change.Path, mutation.Dot.Replica)) > mutation.Dot.Sequence;
            if (change.Value is { } value && !isReplaced)
            {
                siblings.Add(new Sibling(mutation.Dot, mutation.Timestamp, change.Claim ?? mutation.Timestamp,
                    mutation.Role, value));
            }
        }
        foreach (List<Sibling> siblings in registers.Values) siblings.Sort((a, b) => Compare(b, a));
    }

    /// <summary>The entities that were ever written.</summary>
    public IEnumerable<EntityKey> Keys => registers.Keys.Select(r => r.Key).Distinct();

    /// <summary>The registers of an entity that were ever written.</summary>
    public IEnumerable<FieldPath> PathsOf(EntityKey key) => registers.Keys.Where(r => r.Key == key).Select(r => r.Path);

    /// <summary>What is held in a register, the latest first.</summary>
    public IReadOnlyList<Sibling> Siblings(EntityKey key, FieldPath path) => registers.GetValueOrDefault((key, path)) ?? [];

    /// <summary>Whether an entity is alive.</summary>
    public bool IsAlive(EntityKey key)
    {
        List<Sibling> root = [.. Siblings(key, FieldPath.Root).Where(s => IsRead(key, s))];
        return existenceOf(key) switch
        {
            ExistencePolicy.DeleteWins => root.Count > 0 && root.All(s => s.Value == Value.True),
            ExistencePolicy.LastWriteWins => root.Count > 0 && root[0].Value == Value.True,
            _ => root.Any(s => s.Value == Value.True),
        };
    }

    /// <summary>All fields of an entity as one object.</summary>
    /// <param name="key">The entity.</param>
    /// <param name="clashes">Takes the names that are in use as different kinds.</param>
    public Value ReadEntity(EntityKey key, List<FieldPath> clashes) => ReadMap(key, FieldPath.Root, clashes);

    /// <summary>Registers in which people disagree, and names in use as different kinds where a reader gets to.</summary>
    public IEnumerable<string> Conflicts(EntityKey key)
    {
        if (!IsAlive(key)) return [];
        var clashes = new List<FieldPath>();
        ReadEntity(key, clashes);
        return PathsOf(key)
            .Where(p => !p.IsRoot && p.Kind == PathKind.Key && !key.IsSpaceData
                && Siblings(key, p).Select(s => s.Value).Distinct().Count() > 1)
            .Select(p => $"{p} values").Concat(clashes.Select(p => $"{p} kinds"))
            .Concat(IsDisputed(key) ? [$"{FieldPath.Root} existence"] : []).Order(StringComparer.Ordinal);
    }

    private bool IsDisputed(EntityKey key) => existenceOf(key) == ExistencePolicy.Manual
        && Siblings(key, FieldPath.Root).Select(s => s.Value).Distinct().Count() > 1;

    /// <summary>What is read at a name; <see langword="null"/> when nothing is there.</summary>
    /// <param name="key">The entity.</param>
    /// <param name="name">A field, or a member further down.</param>
    /// <param name="clashes">Takes the names at and below it that are in use as different kinds.</param>
    public Value? Read(EntityKey key, FieldPath name, List<FieldPath> clashes)
    {
        FieldPath[] below = [.. PathsOf(key).Where(p => p.IsBelow(name) && Siblings(key, p).Count > 0)];
        FieldPath[] elements = [.. below.Where(p => p.Segments[name.Depth].Kind == PathKind.Element)];
        FieldPath[] members = [.. below.Except(elements)];
        FieldPath counter = name.AsCounter();
        (FieldPath[] Paths, Func<Value?> Read)[] sides =
        [
            ([name], () => Pick(key, name)),
            (members, () => ReadMap(key, name, clashes)),
            (elements, () => Value.ArrayOf(elements.Select(e => e.Name).Order(StringComparer.Ordinal).Select(e => (Value)e))),
            ([counter], () => Sum(key, counter)),
        ];
        var inUse = sides.Where(s => SiblingsOf(key, s.Paths).Any()).ToList();
        // A counter that was counted back to nothing is no rival to anything else.
        var rivals = inUse.Where(s => s.Paths.Any(p => p.Kind != PathKind.Counter || Sum(key, p) != 0)).ToList();
        if (rivals.Count > 1) clashes.Add(name);
        if (rivals.Count == 0) rivals = inUse;
        if (rivals.Count == 0) return null;
        Sibling newest = rivals.SelectMany(s => SiblingsOf(key, s.Paths)).Aggregate((a, b) => Compare(a, b) >= 0 ? a : b);
        return rivals.First(s => SiblingsOf(key, s.Paths).Any(x => x.Dot == newest.Dot)).Read();
    }

    private Value ReadMap(EntityKey key, FieldPath map, List<FieldPath> clashes)
    {
        var members = new Dictionary<string, Value>();
        IEnumerable<string> names = PathsOf(key).Where(p => p.IsBelow(map) && Siblings(key, p).Count > 0)
            .Select(p => p.Segments[map.Depth]).Where(s => s.Kind != PathKind.Element).Select(s => s.Name).Distinct();
        foreach (string name in names)
        {
            if (Read(key, map.Key(name), clashes) is { } value) members[name] = value;
        }
        return Value.ObjectOf(members);
    }

    private Value? Pick(EntityKey key, FieldPath path)
    {
        List<Sibling> siblings = [.. Siblings(key, path).Where(s => IsRead(key, s))];
        if (siblings.Count == 0) return null;
        return policyOf(key, path) == ConflictPolicy.FirstWriteWins
            ? siblings.OrderBy(s => s.Claim).ThenBy(s => s.Dot.Replica).ThenBy(s => s.Dot.Sequence).First().Value
            : siblings[0].Value;
    }

    private Value Sum(EntityKey key, FieldPath counter)
    {
        Int128 sum = 0;
        foreach (Sibling sibling in Siblings(key, counter)) sum += sibling.Value.AsInteger();
        return (long)sum;
    }

    private IEnumerable<Sibling> SiblingsOf(EntityKey key, FieldPath[] paths) =>
        paths.SelectMany(p => Siblings(key, p)).Where(s => IsRead(key, s));

    private static bool IsRead(EntityKey key, Sibling sibling) => !key.IsSpaceData || sibling.Role != ReplicaRole.Client;

    private static int Compare(Sibling a, Sibling b)
    {
        int order = a.Timestamp.CompareTo(b.Timestamp);
        if (order == 0) order = a.Dot.Replica.CompareTo(b.Dot.Replica);
        return order != 0 ? order : a.Dot.Sequence.CompareTo(b.Dot.Sequence);
    }
}
