using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Crdt;

/// <summary>One entity as a reader sees it: a whole state after some transaction, never changing afterwards.</summary>
/// <remarks>Cheap to make; safe to use on any thread, for as long as one likes.</remarks>
public sealed class Entity
{
    private readonly EntityState held;
    private readonly ReplicaTable replicas;
    private readonly TypePolicies policies;
    private readonly RefusedDots refusals;

    // What of it readers take, once it was asked for: whoever makes it first, it is the same.
    private EntityState? effective;

    internal Entity(EntityState held, ReplicaTable replicas, TypePolicies policies, RefusedDots refusals)
    {
        (this.held, this.replicas, this.policies, this.refusals) = (held, replicas, policies, refusals);
        Exists = EffectiveState.IsAlive(held, replicas, policies, refusals);
    }

    private EntityState State => effective ??= EffectiveState.Of(held, replicas, policies, refusals);

    /// <summary>Which entity.</summary>
    public EntityKey Key => held.Key;

    /// <summary>Whether it is alive. The fields of a deleted entity are hidden, not gone: see <see cref="Siblings"/>.</summary>
    public bool Exists { get; }

    /// <summary>For every author with a sibling in the entity, the highest sequence there: what was seen by whoever
    /// saw this. To be given back as the base of an edit (semantics 5).</summary>
    public VersionVector Version
    {
        get
        {
            var dots = new List<Dot>();
            foreach (ref readonly SiblingSlot slot in held.Slots) dots.Add(replicas.Resolve(slot.Dot));
            return VersionVector.From(dots);
        }
    }

    /// <summary>The time of the latest sibling; <see langword="null"/> when there is none.</summary>
    public HybridTimestamp? UpdatedAt
    {
        get
        {
            HybridTimestamp latest = default;
            foreach (ref readonly SiblingSlot slot in State.Slots)
            {
                if (slot.Timestamp > latest) latest = slot.Timestamp;
            }
            return latest == default ? null : latest;
        }
    }

    /// <summary>Names of the visible fields, in ordinal order.</summary>
    public IEnumerable<string> FieldNames => Members.Select(m => m.Key);

    /// <summary>The visible fields in ordinal order of their names: values as they are, maps as objects, sets as
    /// sorted arrays of strings, counters as integers (beyond 64 bits as text).</summary>
    public IReadOnlyList<KeyValuePair<string, Value>> Fields => Members;

    /// <summary>What is read at a path, as in <see cref="Fields"/>; <see langword="null"/> when the field is absent or
    /// the entity is not alive.</summary>
    public Value? this[FieldPath path]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(path);
            if (!Exists) return null;
            return path.IsRoot ? ToValue() : Tree.Read(path);
        }
    }

    /// <summary>Text of a field; <see langword="null"/> when it is absent.</summary>
    /// <exception cref="InvalidOperationException">The field holds something else.</exception>
    public string? GetString(FieldPath path) => this[path] is { IsNull: false } value ? value.AsString() : null;

    /// <summary>Integer of a field; <see langword="null"/> when it is absent.</summary>
    /// <exception cref="InvalidOperationException">The field holds something else.</exception>
    public long? GetInteger(FieldPath path) => this[path] is { IsNull: false } value ? value.AsInteger() : null;

    /// <summary>Double (or integer, as the nearest double) of a field; <see langword="null"/> when it is absent.</summary>
    /// <exception cref="InvalidOperationException">The field holds something else.</exception>
    public double? GetDouble(FieldPath path) => this[path] is { IsNull: false } value ? value.AsDouble() : null;

    /// <summary>Truth value of a field; <see langword="null"/> when it is absent.</summary>
    /// <exception cref="InvalidOperationException">The field holds something else.</exception>
    public bool? GetBoolean(FieldPath path) => this[path] is { IsNull: false } value ? value.AsBoolean() : null;

    /// <summary>Instant of a field; <see langword="null"/> when it is absent.</summary>
    /// <exception cref="InvalidOperationException">The field holds something else.</exception>
    public DateTimeOffset? GetTimestamp(FieldPath path) =>
        this[path] is { IsNull: false } value ? value.AsTimestamp() : null;

    /// <summary>Sum of a counter; 0 when nobody has counted.</summary>
    public Int128 GetCounter(FieldPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Exists ? EntityTree.Sum(State.At(path.AsCounter())) : 0;
    }

    /// <summary>Elements of a set, in ordinal order; none when it is absent.</summary>
    public IReadOnlyList<string> GetSet(FieldPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!Exists) return [];
        var elements = new SortedSet<string>(StringComparer.Ordinal);
        foreach (ref readonly SiblingSlot slot in State.Below(path))
        {
            if (slot.Path.Kind == PathKind.Element && slot.Path.Depth == path.Depth + 1
                && EntityTree.IsRead(Key, slot)) elements.Add(slot.Path.Name);
        }
        return [.. elements];
    }

    /// <summary>All live values of one register, the latest first, also those that the policy passes over, those that
    /// were refused, and those of a deleted entity. <see cref="FieldPath.Root"/> gives the entity's existence: true for alive.</summary>
    public IReadOnlyList<Sibling> Siblings(FieldPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Describe(held.At(path));
    }

    /// <summary>Everything that was written concurrently in this entity and not yet settled by a later write: what a
    /// person has to decide, and what policies decided.</summary>
    public IReadOnlyList<Conflict> Conflicts()
    {
        var conflicts = new List<Conflict>();
        if (!Exists) return conflicts;
        ReadOnlySpan<SiblingSlot> slots = State.Slots;
        for (int at = 0; at < slots.Length;)
        {
            int end = at + 1;
            while (end < slots.Length && slots[end].Path.Equals(slots[at].Path)) end++;
            if (slots[at].Path.IsRoot && policies.Existence == ExistencePolicy.Manual && Existence.IsDisputed(State))
                conflicts.Add(ExistenceConflict(slots[at..end]));
            else if (IsDisputed(slots[at..end])) conflicts.Add(ValueConflict(slots[at..end]));
            at = end;
        }
        var clashes = new List<FieldPath>();
        Tree.Members(FieldPath.Root, clashes);
        foreach (FieldPath path in clashes) conflicts.Add(KindConflict(path));
        return conflicts;
    }

    /// <summary>The visible fields as one object.</summary>
    public Value ToValue() => Value.FromTrusted([.. Members]);

    /// <summary>The visible fields as JSON (RFC 8259); <c>null</c> when the entity is not alive.</summary>
    /// <param name="indented">Whether to lay it out for people.</param>
    public string ToJson(bool indented = false) =>
        JsonOutput.Write(WriteTo, indented ? JsonOutput.Indented : JsonOutput.Compact);

    /// <summary>Writes the visible fields as a JSON object, or null when the entity is not alive.</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        JsonOutput.Write(writer, Exists ? ToValue() : Value.Null);
    }

    /// <summary>The key, and whether it is alive.</summary>
    public override string ToString() => Exists ? Key.ToString() : $"{Key} (deleted)";

    /// <summary>Its siblings, if this replica gave it out: others count their authors differently.</summary>
    internal EntityState? StateIn(ReplicaTable table) => ReferenceEquals(table, replicas) ? State : null;

    /// <summary>Whether no sibling at all is held.</summary>
    internal bool HasNothing => held.Slots.IsEmpty;

    /// <summary>Every sibling of every register, root included: where it stands, and which mutation wrote it.</summary>
    public IEnumerable<(FieldPath Path, Dot Dot)> AllSiblings() =>
        held.Slots.ToArray().Select(s => (s.Path, replicas.Resolve(s.Dot)));

    /// <summary>By what a store is to list it.</summary>
    internal static EntityMarks MarksOf(EntityState state) =>
        (MayBeContested(state) ? EntityMarks.Contested : 0) | (state.NamesBlobs ? EntityMarks.NamesBlobs : 0);

    /// <summary>Whether some register holds concurrent values, or some name is in use as different kinds. May say yes
    /// too often, never no too often; costs one pass.</summary>
    internal static bool MayBeContested(EntityState state)
    {
        if (state.IsPlain) return false;
        ReadOnlySpan<SiblingSlot> slots = state.Slots;
        for (int i = 0; i < slots.Length; i++)
        {
            FieldPath path = slots[i].Path;
            if (slots[i].IsRefused) return true;
            if (path.IsRoot && slots[i].Value != slots[0].Value) return true;
            if (path.IsRoot || i == 0) continue;
            FieldPath before = slots[i - 1].Path;
            if (path.Equals(before) ? path.Kind == PathKind.Key && slots[i].Value != slots[i - 1].Value
                : path.IsBelow(before) && !before.IsRoot) return true;
            if (path.Kind > PathKind.Element && HasOtherKind(state, path)) return true;
            if (path.Kind != PathKind.Element) continue;
            // What was counted again beyond a fence is read at the counter, which may hold no total.
            if (path.IsOffset ? HasOtherKind(state, path.Parent, isOnlyOne: true) : IsMapToo(state, path, before)) return true;
        }
        return false;
    }

    /// <summary>Whether a set's name is a map's too. Below one name, members come first, then elements, then counters.</summary>
    private static bool IsMapToo(EntityState state, FieldPath element, FieldPath before)
    {
        int at = element.LastSegment;
        if (before.Bytes.StartsWith(element.Bytes[..(at + 1)])) return false; // Told by the set's first element.
        ReadOnlySpan<SiblingSlot> below = state.Below(element.Parent);
        return below[0].Path.Bytes[at] != element.Bytes[at] || below[^1].Path.Bytes[at] != element.Bytes[at];
    }

    /// <summary>Whether something else has the name of a register that stands beside the keys.</summary>
    private static bool HasOtherKind(EntityState state, FieldPath beside, bool isOnlyOne = false)
    {
        FieldPath name = beside.AsKey();
        if (!state.At(name).IsEmpty || !state.Below(name).IsEmpty) return true;
        if (beside.IsCounter && !isOnlyOne) return false; // Told by the other one.
        ReadOnlySpan<byte> parent = beside.Bytes[..beside.LastSegment], last = beside.Bytes[(beside.LastSegment + 1)..];
        foreach (ref readonly SiblingSlot slot in state.Slots)
        {
            ReadOnlySpan<byte> other = slot.Path.Bytes;
            if (other.Length == beside.Bytes.Length && other.StartsWith(parent) && other[(parent.Length + 1)..].SequenceEqual(last)
                && other[parent.Length] != beside.Bytes[parent.Length]) return true;
        }
        return false;
    }

    private EntityTree Tree => new(State, replicas, policies);

    [field: MaybeNull]
    private KeyValuePair<string, Value>[] Members => field ??= Exists ? Tree.Members(FieldPath.Root, null) : [];

    private bool IsDisputed(ReadOnlySpan<SiblingSlot> register)
    {
        FieldPath path = register[0].Path;
        if (register.Length < 2 || path.IsRoot || path.Kind != PathKind.Key || Key.IsSpaceData) return false;
        foreach (ref readonly SiblingSlot slot in register[1..])
        {
            if (slot.Value != register[0].Value) return true;
        }
        return false;
    }

    private Conflict ValueConflict(ReadOnlySpan<SiblingSlot> register)
    {
        FieldPath path = register[0].Path;
        ConflictPolicy policy = policies.For(path);
        Value visible = register[Tree.Pick(register, policy)].Value;
        return new Conflict(
            Key, path, ConflictKind.Values, policy, Describe(register), visible, policy == ConflictPolicy.Manual)
        {
            Held = Covering(held.At(path)),
        };
    }

    private Conflict ExistenceConflict(ReadOnlySpan<SiblingSlot> root) => new(Key, FieldPath.Root, ConflictKind.Existence,
        ConflictPolicy.Manual, Describe(root), Value.From(Exists), IsOpen: true)
    {
        Held = Covering(held.At(FieldPath.Root)),
    };

    private Conflict KindConflict(FieldPath path)
    {
        List<Sibling> siblings =
        [
            .. Describe(State.At(path)), .. Describe(State.Below(path)), .. Describe(State.At(path.AsCounter())),
            .. Describe(Tree.OwnNamed(path)),
        ];
        return new Conflict(
            Key, path, ConflictKind.Kinds, policies.For(path), siblings, Tree.Read(path) ?? Value.Null, IsOpen: true)
        {
            Held = Covering(
            [
                .. held.At(path), .. held.Below(path), .. held.At(path.AsCounter()), .. held.Below(path.AsCounter()),
                .. Tree.OwnNamed(path),
            ]),
        };
    }

    private VersionVector Covering(ReadOnlySpan<SiblingSlot> siblings) =>
        VersionVector.From(siblings.ToArray().Select(s => replicas.Resolve(s.Dot)));

    private Sibling[] Describe(ReadOnlySpan<SiblingSlot> siblings) => replicas.Describe(siblings);
}
