using System.Text;

namespace Crdt;

/// <summary>Reads the siblings of an entity as a tree of names: the one place where registers become what people see.</summary>
/// <remarks>A function of the set of siblings and the policies alone. Law: 6.</remarks>
internal readonly ref struct EntityTree(EntityState state, ReplicaTable replicas, TypePolicies policies)
{
    private static readonly byte KeyCode = (int)PathKind.Key << 2 | (int)ReplaceRule.Observed;
    private static readonly byte ElementCode = (int)PathKind.Element << 2 | (int)ReplaceRule.Observed;
    private static readonly byte CounterCode = (int)PathKind.Counter << 2 | (int)ReplaceRule.Own;

    private readonly EntityState state = state;
    private readonly ReplicaTable replicas = replicas;
    private readonly TypePolicies policies = policies;

    /// <summary>Whether a reader counts the sibling at all: of the space's own data, only what the server role or the
    /// authority wrote (semantics 10).</summary>
    public static bool IsRead(EntityKey key, in SiblingSlot slot) =>
        !key.IsSpaceData || slot.Dot.Role != ReplicaRole.Client;

    /// <summary>The sibling that the policy picks, of at least one.</summary>
    public int Pick(ReadOnlySpan<SiblingSlot> siblings, ConflictPolicy policy)
    {
        int best = -1;
        bool sparesLost = policy is ConflictPolicy.ServerWins or ConflictPolicy.ClientWins && !AreAllLost(siblings);
        for (int i = 0; i < siblings.Length; i++)
        {
            if (!IsRead(state.Key, siblings[i]) || (sparesLost && siblings[i].IsLost)) continue;
            if (best < 0) best = i;
            else if (policy == ConflictPolicy.FirstWriteWins
                ? replicas.CompareClaims(siblings[i], siblings[best]) < 0
                : replicas.Compare(siblings[i], siblings[best]) > 0) best = i;
        }
        return best;
    }

    /// <summary>Two servers disagreed: then it is as if nobody had marked.</summary>
    private static bool AreAllLost(ReadOnlySpan<SiblingSlot> siblings)
    {
        foreach (ref readonly SiblingSlot slot in siblings)
        {
            if (!slot.IsLost) return false;
        }
        return true;
    }

    /// <summary>The visible members of the entity, or of the map at <paramref name="map"/>, by ordinal order of name.</summary>
    /// <param name="map">Where to read.</param>
    /// <param name="clashes">Takes the paths of names that are used as different kinds; may be null.</param>
    public KeyValuePair<string, Value>[] Members(FieldPath map, List<FieldPath>? clashes)
    {
        ReadOnlySpan<SiblingSlot> slots = map.IsRoot ? WithoutRoot(state.Slots) : state.Below(map);
        return Members(slots, map.Bytes.Length, clashes);
    }

    /// <summary>What is read at a name: the sum of a counter, the elements of a set, the members of a map, or the
    /// value that the policy picks.</summary>
    public Value? Read(FieldPath path)
    {
        if (path.Kind != PathKind.Key) return ReadExact(path);
        (int start, int length) = state.Find(path);
        ReadOnlySpan<SiblingSlot> slots = state.Slots;
        bool alone = (start + length == slots.Length || !slots[start + length].Path.IsBelow(path))
            && !HasBesideKeys(slots, path);
        if (alone)
        {
            if (length == 0) return null;
            ReadOnlySpan<SiblingSlot> register = slots.Slice(start, length);
            int picked = length == 1 && !state.Key.IsSpaceData ? 0 : Pick(register, policies.For(path));
            return picked < 0 ? (Value?)null : register[picked].Value;
        }
        return ReadName(slots.Slice(start, length), state.Below(path), state.At(path.AsCounter()), OwnNamed(path),
            path.Bytes.Length, null, out _);
    }

    /// <summary>What the name is read as.</summary>
    public NameSide SideOf(FieldPath path)
    {
        ReadOnlySpan<SiblingSlot> counter = path.IsRoot ? [] : state.At(path.AsCounter());
        return Choose(state.At(path), state.Below(path), counter, OwnNamed(path), path.Bytes.Length, out _);
    }

    /// <summary>The siblings of every registered data type's register of that name, register by register.</summary>
    public ReadOnlySpan<SiblingSlot> OwnNamed(FieldPath path)
    {
        if (policies.DataTypes.IsEmpty || path.IsRoot) return [];
        SiblingSlot[]? own = null;
        foreach (DataType type in policies.DataTypes.All)
        {
            ReadOnlySpan<SiblingSlot> siblings = state.At(path.As(type));
            if (!siblings.IsEmpty) own = [.. own ?? [], .. siblings];
        }
        return own;
    }

    /// <summary>The sum of a counter's siblings.</summary>
    public static Int128 Sum(ReadOnlySpan<SiblingSlot> siblings)
    {
        Int128 sum = 0;
        foreach (ref readonly SiblingSlot slot in siblings) sum += CounterType.Count(slot.Value);
        return sum;
    }

    private static bool HasBesideKeys(ReadOnlySpan<SiblingSlot> slots, FieldPath path)
    {
        // Within one map, counters and the like sort behind all keys: at the top level the last sibling tells.
        if (path.Depth > 1) return true;
        return !slots.IsEmpty && slots[^1].Path.StartsBesideKeys;
    }

    private static ReadOnlySpan<SiblingSlot> WithoutRoot(ReadOnlySpan<SiblingSlot> slots)
    {
        int first = 0;
        while (first < slots.Length && slots[first].Path.IsRoot) first++;
        return slots[first..];
    }

    private Value? ReadExact(FieldPath path)
    {
        ReadOnlySpan<SiblingSlot> siblings = state.At(path);
        if (siblings.IsEmpty) return null;
        if (path.Kind == PathKind.Counter) return CounterType.ValueOf(Sum(siblings));
        if (policies.DataTypes.Of(path) is { } type) return type.Read(replicas.Describe(siblings));
        int picked = Pick(siblings, policies.For(path));
        return picked < 0 ? (Value?)null : siblings[picked].Value;
    }

    private KeyValuePair<string, Value>[] Members(
        ReadOnlySpan<SiblingSlot> slots, int prefix, List<FieldPath>? clashes)
    {
        var members = new List<KeyValuePair<string, Value>>();
        Dictionary<string, (int Start, int End)>? counters = null;
        Dictionary<string, SiblingSlot[]>? own = null;
        int keysEnd = slots.Length;
        while (keysEnd > 0 && slots[keysEnd - 1].Path.Bytes[prefix] != KeyCode) keysEnd--;
        for (int at = keysEnd; at < slots.Length;)
        {
            int end = EndOfSegment(slots, at, prefix);
            int exact = EndOfRegister(slots[..end], at, prefix);
            if (slots[at].Path.Bytes[prefix] == CounterCode && exact > at && IsAnyRead(slots[at..exact]))
                (counters ??= [])[NameAt(slots[at], prefix)] = (at, exact);
            else if (exact > at && policies.DataTypes.Of(slots[at].Path) is not null) AddOwn(ref own, slots[at..exact], prefix);
            at = end;
        }
        for (int at = 0; at < keysEnd;)
        {
            int end = EndOfSegment(slots, at, prefix);
            string name = NameAt(slots[at], prefix);
            int inner = prefix + 2 + slots[at].Path.Bytes[prefix + 1];
            int below = EndOfRegister(slots[..end], at, prefix);
            ReadOnlySpan<SiblingSlot> counter = default;
            if (counters is not null && counters.Remove(name, out (int Start, int End) range))
                counter = slots[range.Start..range.End];
            Value? read = ReadName(
                slots[at..below], slots[below..end], counter, Take(own, name), inner, clashes, out bool isClash);
            if (read is { } value) members.Add(new(name, value));
            if (isClash) clashes?.Add(FieldPath.FromTrusted(slots[at].Path.Bytes[..inner]));
            at = end;
        }
        foreach ((string name, (int start, int end)) in counters ?? [])
            AddBeside(members, name, slots[start..end], Take(own, name), clashes);
        foreach ((string name, SiblingSlot[] siblings) in own ?? []) AddBeside(members, name, [], siblings, clashes);
        KeyValuePair<string, Value>[] sorted = [.. members];
        Array.Sort(sorted, static (a, b) => string.CompareOrdinal(a.Key, b.Key));
        return sorted;
    }

    private static void AddOwn(ref Dictionary<string, SiblingSlot[]>? own, ReadOnlySpan<SiblingSlot> register, int prefix)
    {
        own ??= [];
        string name = NameAt(register[0], prefix);
        own[name] = [.. own.GetValueOrDefault(name) ?? [], .. register];
    }

    private static ReadOnlySpan<SiblingSlot> Take(Dictionary<string, SiblingSlot[]>? own, string name) =>
        own is not null && own.Remove(name, out SiblingSlot[]? siblings) ? siblings : [];

    /// <summary>Adds a member that stands nowhere among the keys.</summary>
    private void AddBeside(
        List<KeyValuePair<string, Value>> members, string name, ReadOnlySpan<SiblingSlot> counter,
        ReadOnlySpan<SiblingSlot> own, List<FieldPath>? clashes)
    {
        if (own.IsEmpty)
        {
            members.Add(new(name, CounterType.ValueOf(Sum(counter))));
            return;
        }
        if (ReadName([], [], counter, own, 0, clashes, out bool isClash) is { } read) members.Add(new(name, read));
        if (isClash) clashes?.Add(own[0].Path.AsKey());
    }

    private static int EndOfSegment(ReadOnlySpan<SiblingSlot> slots, int at, int prefix)
    {
        ReadOnlySpan<byte> segment = slots[at].Path.Bytes.Slice(prefix, 2 + slots[at].Path.Bytes[prefix + 1]);
        int end = at + 1;
        while (end < slots.Length && slots[end].Path.Bytes[prefix..].StartsWith(segment)) end++;
        return end;
    }

    /// <summary>The end of the siblings at exactly the segment's path; all below it follow.</summary>
    private static int EndOfRegister(ReadOnlySpan<SiblingSlot> slots, int at, int prefix)
    {
        int inner = prefix + 2 + slots[at].Path.Bytes[prefix + 1], end = at;
        while (end < slots.Length && slots[end].Path.Bytes.Length == inner) end++;
        return end;
    }

    private bool IsAnyRead(ReadOnlySpan<SiblingSlot> siblings)
    {
        foreach (ref readonly SiblingSlot slot in siblings)
        {
            if (IsRead(state.Key, slot)) return true;
        }
        return false;
    }

    private static string NameAt(in SiblingSlot slot, int prefix) =>
        Encoding.UTF8.GetString(slot.Path.Bytes.Slice(prefix + 2, slot.Path.Bytes[prefix + 1]));

    private Value SetValue(ReadOnlySpan<SiblingSlot> elements, int prefix)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        foreach (ref readonly SiblingSlot slot in elements)
        {
            if (slot.Path.Bytes[prefix] == ElementCode && IsRead(state.Key, slot)) names.Add(NameAt(slot, prefix));
        }
        return Value.FromTrusted(names.Select(Value.FromTrusted).ToArray());
    }

    /// <summary>Reads one name.</summary>
    /// <param name="register">Siblings at the name itself.</param>
    /// <param name="below">Siblings below it: members of a map, elements of a set.</param>
    /// <param name="counter">Siblings of the counter of that name.</param>
    /// <param name="own">Siblings of registered data types of that name, register by register.</param>
    /// <param name="inner">Length of the name's path in bytes.</param>
    /// <param name="clashes">Takes clashes further down; may be null.</param>
    /// <param name="isClash">Whether more than one kind is in use.</param>
    private Value? ReadName(
        ReadOnlySpan<SiblingSlot> register, ReadOnlySpan<SiblingSlot> below, ReadOnlySpan<SiblingSlot> counter,
        ReadOnlySpan<SiblingSlot> own, int inner, List<FieldPath>? clashes, out bool isClash) =>
        Choose(register, below, counter, own, inner, out isClash) switch
        {
            NameSide.Value => register[Pick(register, policies.For(register[0].Path))].Value,
            NameSide.Map => Value.FromTrusted(Members(below, inner, clashes)),
            NameSide.Set => SetValue(below, inner),
            NameSide.Counter => CounterType.ValueOf(Sum(counter)),
            NameSide.Own => ReadNewest(own),
            _ => (Value?)null,
        };

    /// <summary>Which side of a name is read, where siblings use it as different kinds: the one with the newest sibling;
    /// the others stay held (semantics 2). Of sides written by one mutation the earlier in the order of
    /// <see cref="NameSide"/> is read.</summary>
    private NameSide Choose(
        ReadOnlySpan<SiblingSlot> register, ReadOnlySpan<SiblingSlot> below, ReadOnlySpan<SiblingSlot> counter,
        ReadOnlySpan<SiblingSlot> own, int inner, out bool isClash)
    {
        isClash = false;
        if (below.IsEmpty && counter.IsEmpty && own.IsEmpty) return IsAnyRead(register) ? NameSide.Value : NameSide.None;
        NameSide chosen = Choose(register, below, counter, own, inner, rivalsOnly: true, out isClash);
        return chosen != NameSide.None ? chosen : Choose(register, below, counter, own, inner, rivalsOnly: false, out _);
    }

    /// <summary>What the register with the newest sibling is read as, of those that are read as anything.</summary>
    private Value? ReadNewest(ReadOnlySpan<SiblingSlot> own)
    {
        (Value? chosen, SiblingSlot newest) = (null, default);
        for (int at = 0, end; at < own.Length; at = end)
        {
            end = EndOfPath(own, at);
            int last = at;
            for (int i = at + 1; i < end; i++)
            {
                if (replicas.Compare(own[i], own[last]) > 0) last = i;
            }
            if (chosen is not null && replicas.Compare(own[last], newest) < 0) continue;
            if (ReadExact(own[at].Path) is { } read) (chosen, newest) = (read, own[last]);
        }
        return chosen;
    }

    private static int EndOfPath(ReadOnlySpan<SiblingSlot> side, int at)
    {
        int end = at + 1;
        while (end < side.Length && side[end].Path.Equals(side[at].Path)) end++;
        return end;
    }

    private NameSide Choose(
        ReadOnlySpan<SiblingSlot> register, ReadOnlySpan<SiblingSlot> below, ReadOnlySpan<SiblingSlot> counter,
        ReadOnlySpan<SiblingSlot> own, int inner, bool rivalsOnly, out bool isClash)
    {
        SiblingSlot newest = default;
        var chosen = NameSide.None;
        int sides = 0;
        for (NameSide candidate = NameSide.Value; candidate <= NameSide.Own; candidate++)
        {
            ReadOnlySpan<SiblingSlot> side = candidate switch
            {
                NameSide.Value => register,
                NameSide.Counter => counter,
                NameSide.Own => own,
                _ => below,
            };
            int last = NewestOf(side, candidate, inner, out int rivals);
            if (last < 0 || (rivalsOnly && rivals == 0)) continue;
            // Each type of one's own is a side of its own.
            sides += candidate == NameSide.Own ? rivals : 1;
            if (chosen == NameSide.None || replicas.Compare(side[last], newest) > 0)
                (newest, chosen) = (side[last], candidate);
        }
        isClash = sides > 1;
        return chosen;
    }

    /// <param name="side">Siblings, among them those of the side.</param>
    /// <param name="candidate">The side.</param>
    /// <param name="inner">Length of the name's path in bytes.</param>
    /// <param name="rivals">How many of its registers are more than counters that were counted back to nothing (these
    /// cannot be removed, and are no rivals to what was written over them) or types that read as nothing.</param>
    private int NewestOf(ReadOnlySpan<SiblingSlot> side, NameSide candidate, int inner, out int rivals)
    {
        rivals = 0;
        int last = -1;
        for (int at = 0, end; at < side.Length; at = end)
        {
            end = EndOfPath(side, at);
            if (candidate is NameSide.Map or NameSide.Set
                && side[at].Path.Bytes[inner] == ElementCode != (candidate == NameSide.Set)) continue;
            ReadOnlySpan<SiblingSlot> siblings = side[at..end];
            if (!IsAnyRead(siblings)) continue;
            bool isRival = candidate == NameSide.Own
                ? ReadExact(side[at].Path) is not null : !side[at].Path.IsCounter || Sum(siblings) != 0;
            if (isRival) rivals++;
            for (int i = at; i < end; i++)
            {
                if (IsRead(state.Key, side[i]) && (last < 0 || replicas.Compare(side[i], side[last]) > 0)) last = i;
            }
        }
        return last;
    }
}
