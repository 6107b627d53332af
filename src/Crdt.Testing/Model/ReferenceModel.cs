namespace Crdt.Testing;

/// <summary>The semantics a second time, as plainly as possible and at any price: from the whole history of mutations,
/// without their order.</summary>
public sealed class ReferenceModel
{
    private readonly Dictionary<(EntityKey Key, FieldPath Path), List<Held>> registers = [];
    private readonly Dictionary<(EntityKey Key, FieldPath Path), List<Sibling>> effective = [];
    private readonly Dictionary<(EntityKey Key, FieldPath Path), (Value? Value, List<FieldPath> Clashes)> reads = [];
    private readonly Dictionary<EntityKey, List<FieldPath>> paths = [];
    private readonly HashSet<Dot> refused = [];
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
        // A client's change of the space's own data takes nothing away that was written in the server role.
        var roles = history.ToDictionary(m => m.Dot, m => m.Role);
        var named = changes.Where(c => c.Change.Mark is null).SelectMany(c => c.Change.Observed
            .Where(d => !c.Mutation.Key.IsSpaceData || c.Mutation.Role != ReplicaRole.Client
                || roles.GetValueOrDefault(d) == ReplicaRole.Client)
            .Select(d => (c.Mutation.Key, c.Change.Path, Dot: d))).ToHashSet();
        var marks = changes.Where(c => c.Change.Mark is { Kind: not MarkKind.Restored })
            .SelectMany(c => c.Change.Observed.Select(d => (Place: (c.Mutation.Key, c.Change.Path, d), c.Change.Mark)))
            .ToLookup(m => m.Place, m => m.Mark!);
        var totals = changes.Where(c => c.Change.Path.Kind == PathKind.Counter)
            .GroupBy(c => (c.Mutation.Key, c.Change.Path, c.Mutation.Dot.Replica))
            .ToDictionary(g => g.Key, g => g.Max(c => c.Mutation.Dot.Sequence));
        foreach ((Mutation mutation, Change change) in changes)
        {
            List<Held> siblings = RegisterAt(mutation.Key, change.Path);
            // What is counted there is read at the counter, though nobody wrote a total.
            if (IsOffset(change.Path)) RegisterAt(mutation.Key, change.Path.Parent);
            bool isReplaced = named.Contains((mutation.Key, change.Path, mutation.Dot))
                || totals.GetValueOrDefault((mutation.Key, change.Path, mutation.Dot.Replica)) > mutation.Dot.Sequence;
            if (isReplaced || Write(mutation, change) is not { } written) continue;
            siblings.Add(Annotate(written, [.. marks[(mutation.Key, change.Path, mutation.Dot)]]));
        }
        foreach (List<Held> siblings in registers.Values) siblings.Sort((a, b) => Compare(b.Sibling, a.Sibling));
        NoteRefused();
    }

    private List<Held> RegisterAt(EntityKey key, FieldPath path)
    {
        if (registers.TryGetValue((key, path), out List<Held>? siblings)) return siblings;
        if (!paths.TryGetValue(key, out List<FieldPath>? ofEntity)) paths[key] = ofEntity = [];
        ofEntity.Add(path);
        return registers[(key, path)] = [];
    }

    /// <summary>A sibling with all that is remembered of it.</summary>
    /// <param name="Sibling">The sibling.</param>
    /// <param name="Start">Of a counter where its total began.</param>
    /// <param name="Replaced">Of each author the last dot that it is remembered to have replaced.</param>
    /// <param name="StandsFor">The sibling whose place it takes.</param>
    /// <param name="Restores">What is read instead if it was refused.</param>
    private sealed record Held(
        Sibling Sibling, long Start, Dictionary<ReplicaId, long> Replaced, Dot? StandsFor, IReadOnlyList<MarkedSibling> Restores)
    {
        /// <summary>Whose place in history it has.</summary>
        public Dot Origin => StandsFor ?? Sibling.Dot;

        public bool Remembers(Dot dot) => Replaced.GetValueOrDefault(dot.Replica) >= dot.Sequence;
    }

    private static Held? Write(Mutation mutation, Change change)
    {
        if (change.Mark is { Kind: MarkKind.Restored } mark)
            return Restore(mark.Siblings[0], mutation.Dot, mutation.Role, mark.Siblings[0].Dot);
        if (change.Mark is not null || change.Value is not { } value) return null;
        var sibling = new Sibling(
            mutation.Dot, mutation.Timestamp, change.Claim ?? mutation.Timestamp, mutation.Role, value);
        bool remembers = change.Remembered is not null
            || (change.Path.IsRoot && mutation.Kind is MutationKind.Create or MutationKind.Delete);
        long start = change.CounterStart == 0 ? mutation.Dot.Sequence : change.CounterStart;
        return new Held(sibling, start, remembers ? Last([.. change.Observed, .. change.Remembered ?? []]) : [], null, []);
    }

    private static Held Restore(MarkedSibling sibling, Dot dot, ReplicaRole role, Dot? standsFor) => new(
        new Sibling(dot, sibling.Timestamp, sibling.Claim == default ? sibling.Timestamp : sibling.Claim, role, sibling.Value)
        {
            IsLost = sibling.IsLost,
        },
        0, Last(sibling.Replaced), standsFor, []);

    private static Dictionary<ReplicaId, long> Last(IEnumerable<Dot> dots) =>
        dots.GroupBy(d => d.Replica).ToDictionary(g => g.Key, g => g.Max(d => d.Sequence));

    private static Held Annotate(Held held, MarkContent[] marks)
    {
        if (marks.Length == 0) return held;
        RefusalCode[] codes = [.. marks.Where(m => m.Kind == MarkKind.Refused).Select(m => m.Code).Order()];
        // Of several marks the union; what one server knew as lost is lost.
        MarkedSibling[] restores = [.. marks.SelectMany(m => m.Siblings).GroupBy(s => s.Dot)
            .Select(g => g.First() with { IsLost = g.Any(s => s.IsLost) })];
        return held with
        {
            Sibling = held.Sibling with
            {
                IsLost = held.Sibling.IsLost || marks.Any(m => m.Kind == MarkKind.Lost),
                Refused = codes.Length == 0 ? null : codes[0],
            },
            Restores = restores,
        };
    }

    private void NoteRefused()
    {
        foreach (((EntityKey key, FieldPath path), List<Held> siblings) in registers)
        {
            if (path != RefusalTable.LastField || !RefusalTable.TryParse(key, out Dot first)) continue;
            foreach (Held held in siblings.Where(s => IsRead(key, s.Sibling)))
            {
                for (long sequence = first.Sequence; sequence <= held.Sibling.Value.AsInteger(); sequence++)
                    refused.Add(first with { Sequence = sequence });
            }
        }
    }

    /// <summary>The entities of which anything is held.</summary>
    public IEnumerable<EntityKey> Keys => paths.Keys.Where(k => PathsOf(k).Any(p => registers[(k, p)].Count > 0));

    /// <summary>The registers of an entity that were ever written.</summary>
    public IEnumerable<FieldPath> PathsOf(EntityKey key) => paths.GetValueOrDefault(key) ?? [];

    /// <summary>Whether a server refused the mutation.</summary>
    public bool IsRefused(Dot mutation) => refused.Contains(mutation);

    /// <summary>How many mutations were refused.</summary>
    public int RefusedCount => refused.Count;

    /// <summary>Whose values in an entity wait for a person to decide between them.</summary>
    public IEnumerable<Dot> OpenDots(EntityKey key)
    {
        if (!IsAlive(key)) return [];
        var clashes = new List<FieldPath>();
        ReadEntity(key, clashes);
        IEnumerable<FieldPath> open = PathsOf(key).Where(p => !p.IsRoot && p.Kind == PathKind.Key && !key.IsSpaceData
            && policyOf(key, p) == ConflictPolicy.Manual && Effective(key, p).Select(s => s.Value).Distinct().Count() > 1);
        if (IsDisputed(key)) open = open.Append(FieldPath.Root);
        open = open.Concat(clashes.SelectMany(name => PathsOf(key).Where(p => p == name || p.IsBelow(name) || p == name.AsCounter())));
        return open.SelectMany(p => Effective(key, p)).Select(s => s.Dot).Distinct();
    }

    /// <summary>What is held in a register, the latest first.</summary>
    public IReadOnlyList<Sibling> Siblings(EntityKey key, FieldPath path) =>
        [.. (registers.GetValueOrDefault((key, path)) ?? []).Select(h => h.Sibling)];

    /// <summary>What of it readers take, the latest first: not what was refused, but what that had replaced, unless
    /// somebody else had replaced it as well.</summary>
    public IReadOnlyList<Sibling> Effective(EntityKey key, FieldPath path)
    {
        if (effective.TryGetValue((key, path), out List<Sibling>? known)) return known;
        List<Held> held = registers.GetValueOrDefault((key, path)) ?? [];
        var live = held.Where(h => h.Sibling.Refused is null && h.StandsFor is null).ToList();
        var restored = held.Where(h => h.Sibling.Refused is null && h.StandsFor is { } d && !refused.Contains(d)).ToList();
        var origins = live.Concat(restored).Select(h => h.Origin).ToHashSet();
        foreach (MarkedSibling sibling in held.Where(h => h.Sibling.Refused is not null).SelectMany(h => h.Restores))
        {
            if (!refused.Contains(sibling.Dot) && origins.Add(sibling.Dot))
                restored.Add(Restore(sibling, sibling.Dot, sibling.Role, null));
        }
        var others = live.Concat(restored).ToList();
        var read = live.Concat(restored.Where(r => !others.Exists(o => o.Origin != r.Origin && HasReplaced(key, path, o, r))))
            .Select(h => h.Sibling).ToList();
        if (IsOffset(path)) read.Clear();
        if (path.Kind == PathKind.Counter) read.AddRange(RepeatedOf(key, path));
        read.Sort((a, b) => Compare(b, a));
        return effective[(key, path)] = read;
    }

    private bool HasReplaced(EntityKey key, FieldPath path, Held other, Held restored)
    {
        if (path.IsRoot || policyOf(key, path) is ConflictPolicy.Manual or ConflictPolicy.FirstWriteWins && path.Kind == PathKind.Key)
            return other.Remembers(restored.Origin);
        return path.Kind == PathKind.Key && Compare(other.Sibling, restored.Sibling) > 0;
    }

    /// <summary>Where a refused increment is taken back: below the counter.</summary>
    private static bool IsOffset(FieldPath path) => path.Kind == PathKind.Element && path.Parent.Kind == PathKind.Counter;

    /// <summary>Whether an entity is alive.</summary>
    public bool IsAlive(EntityKey key)
    {
        List<Sibling> root = [.. Effective(key, FieldPath.Root).Where(s => IsRead(key, s))];
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
                && Effective(key, p).Select(s => s.Value).Distinct().Count() > 1)
            .Select(p => $"{p} values").Concat(clashes.Select(p => $"{p} kinds"))
            .Concat(IsDisputed(key) ? [$"{FieldPath.Root} existence"] : []).Order(StringComparer.Ordinal);
    }

    private bool IsDisputed(EntityKey key) => existenceOf(key) == ExistencePolicy.Manual
        && Effective(key, FieldPath.Root).Select(s => s.Value).Distinct().Count() > 1;

    /// <summary>What is read at a name; <see langword="null"/> when nothing is there.</summary>
    /// <param name="key">The entity.</param>
    /// <param name="name">A field, or a member further down.</param>
    /// <param name="clashes">Takes the names at and below it that are in use as different kinds.</param>
    public Value? Read(EntityKey key, FieldPath name, List<FieldPath> clashes)
    {
        if (!reads.TryGetValue((key, name), out (Value? Value, List<FieldPath> Clashes) known))
        {
            var below = new List<FieldPath>();
            reads[(key, name)] = known = (WorkOut(key, name, below), below);
        }
        clashes.AddRange(known.Clashes);
        return known.Value;
    }

    private Value? WorkOut(EntityKey key, FieldPath name, List<FieldPath> clashes)
    {
        FieldPath[] below = [.. PathsOf(key).Where(p => p.IsBelow(name) && Effective(key, p).Count > 0)];
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
        // One mutation may have written several sides, even at different times: what was restored keeps its own.
        return rivals.Aggregate((best, next) => Compare(Newest(key, next.Paths), Newest(key, best.Paths)) > 0 ? next : best).Read();
    }

    private Sibling Newest(EntityKey key, FieldPath[] paths) =>
        SiblingsOf(key, paths).Aggregate((a, b) => Compare(a, b) >= 0 ? a : b);

    private Value ReadMap(EntityKey key, FieldPath map, List<FieldPath> clashes)
    {
        var members = new Dictionary<string, Value>();
        IEnumerable<string> names = PathsOf(key).Where(p => p.IsBelow(map) && Effective(key, p).Count > 0)
            .Select(p => p.Segments[map.Depth]).Where(s => s.Kind != PathKind.Element).Select(s => s.Name).Distinct();
        foreach (string name in names)
        {
            if (Read(key, map.Key(name), clashes) is { } value) members[name] = value;
        }
        return Value.ObjectOf(members);
    }

    private Value? Pick(EntityKey key, FieldPath path)
    {
        List<Sibling> siblings = [.. Effective(key, path).Where(s => IsRead(key, s))];
        if (siblings.Count == 0) return null;
        ConflictPolicy policy = policyOf(key, path);
        if (policy is ConflictPolicy.ServerWins or ConflictPolicy.ClientWins && siblings.Exists(s => !s.IsLost))
            siblings.RemoveAll(s => s.IsLost);
        return policy == ConflictPolicy.FirstWriteWins
            ? siblings.OrderBy(s => s.Claim).ThenBy(s => s.Dot.Replica).ThenBy(s => s.Dot.Sequence).First().Value
            : siblings[0].Value;
    }

    private Value Sum(EntityKey key, FieldPath counter)
    {
        Int128 sum = 0;
        foreach (Sibling sibling in Siblings(key, counter).Concat(RepeatedOf(key, counter))) sum += sibling.Value.AsInteger();
        foreach (FieldPath offset in PathsOf(key).Where(p => IsOffset(p) && p.Parent == counter))
        {
            if (registers[(key, offset)] is not [{ StandsFor: { } increment } taken, ..]) continue;
            // Once, whoever wrote it, and while its author's total contains it.
            bool isContained = registers[(key, counter)].Exists(t => t.Sibling.Dot.Replica == increment.Replica
                && t.Start <= increment.Sequence && increment.Sequence <= t.Sibling.Dot.Sequence);
            if (isContained) sum += taken.Sibling.Value.AsInteger();
        }
        return (long)sum;
    }

    /// <summary>Increments that were written again beyond a fence: each counts once, whoever did it.</summary>
    private IEnumerable<Sibling> RepeatedOf(EntityKey key, FieldPath counter) => PathsOf(key)
        .Where(p => IsOffset(p) && p.Parent == counter)
        .Select(p => registers[(key, p)].Find(h => h.StandsFor is null && h.Sibling.Refused is null)?.Sibling)
        .Where(s => s is { Value.Kind: ValueKind.Integer }).Select(s => s!.Value);

    private IEnumerable<Sibling> SiblingsOf(EntityKey key, FieldPath[] paths) =>
        paths.SelectMany(p => Effective(key, p)).Where(s => IsRead(key, s));

    private static bool IsRead(EntityKey key, Sibling sibling) => !key.IsSpaceData || sibling.Role != ReplicaRole.Client;

    private static int Compare(Sibling a, Sibling b)
    {
        int order = a.Timestamp.CompareTo(b.Timestamp);
        if (order == 0) order = a.Dot.Replica.CompareTo(b.Dot.Replica);
        return order != 0 ? order : a.Dot.Sequence.CompareTo(b.Dot.Sequence);
    }
}
