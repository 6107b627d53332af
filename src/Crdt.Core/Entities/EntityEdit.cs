using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>What a writer does to one entity: one user intention, which becomes one mutation when its transaction
/// commits. Fluent; takes notes only, so nothing is checked against the entity before the commit.</summary>
/// <remarks>Not safe for concurrent use.</remarks>
public sealed class EntityEdit
{
    // Most edits write one field: it needs no array. Of more, all stand in the array.
    private EditStep first;
    private EditStep[]? steps;
    private int count;

    // What few edits have.
    private Rarities? rare;

    internal EntityEdit(EntityKey key, EditKind kind, VersionVector? basis, Entity? seen = null)
    {
        (Key, Kind) = (key, kind);
        if (basis is not null || seen is not null) rare = new Rarities { Basis = basis, Seen = seen };
    }

    /// <summary>Which entity.</summary>
    public EntityKey Key { get; }

    /// <summary>Metadata of the application for this mutation, up to 4 KiB encoded; <see cref="Value.Null"/> for none.</summary>
    public Value Context
    {
        get => rare?.Context ?? default;
        set => Rare.Context = value;
    }

    /// <summary>Where the mutation comes from, when not straight from its author's hand.</summary>
    public MutationOrigin? Origin
    {
        get => rare?.Origin;
        set => Rare.Origin = value;
    }

    internal EditKind Kind { get; }

    /// <summary>What the person had seen; <see langword="null"/> for all that the replica holds at the commit.</summary>
    internal VersionVector? Basis => rare?.Basis;

    /// <summary>The entity that the person was looking at, where the replica itself had given it out.</summary>
    internal Entity? Seen => rare?.Seen;

    /// <summary>Whether it notes what became of refused work: that clients write, too.</summary>
    internal bool IsOfEscrow { get; init; }

    /// <summary>Whether it settles whether the entity is deleted, and nothing else.</summary>
    internal bool IsOfExistence { get; init; }

    /// <summary>Mutations that the person had seen beside the version; <see langword="null"/> when none were named.</summary>
    internal HashSet<Dot>? SeenBeside
    {
        get => rare?.SeenBeside;
        private set => Rare.SeenBeside = value;
    }

    /// <summary>Where its transaction begins, while it is prepared; kept only where <see cref="SeenBeside"/> asks for it.</summary>
    internal Dot TransactionStart
    {
        get => rare?.TransactionStart ?? default;
        set
        {
            if (SeenBeside is not null) Rare.TransactionStart = value;
        }
    }

    internal ReadOnlySpan<EditStep> Steps => steps is null ? MemoryMarshal.CreateReadOnlySpan(ref first, count) : steps.AsSpan(0, count);

    private Rarities Rare => rare ??= new Rarities();

    /// <summary>The data types that its replica knows.</summary>
    internal DataTypeTable KnownTypes { get; init; } = DataTypeTable.Empty;

    /// <summary>Writes one value. It replaces what was there, of whatever kind, and all below it. Under
    /// <see cref="ConflictPolicy.Merge"/> an object is stored as its differences.</summary>
    /// <param name="path">The field, or a member further down.</param>
    /// <param name="value">The value; an array or object stays one value, except under merge.</param>
    public EntityEdit Set(FieldPath path, Value value) => Add(EditStepKind.Set, path, value);

    /// <summary>Removes a field of whatever kind, and all below it; nothing happens where there is none. A counter is
    /// counted back to what was observed.</summary>
    public EntityEdit Remove(FieldPath path) => Add(EditStepKind.Remove, path, default);

    /// <summary>Counts.</summary>
    /// <param name="path">Name of the counter.</param>
    /// <param name="by">How many; may be negative.</param>
    public EntityEdit Increment(FieldPath path, long by = 1) => Add(EditStepKind.Increment, path, by);

    /// <summary>Adds an element to a set. An add that runs concurrently with a removal of the element survives it.</summary>
    /// <param name="path">Name of the set.</param>
    /// <param name="element">1 to 255 bytes of UTF-8.</param>
    public EntityEdit Add(FieldPath path, string element) => Add(EditStepKind.Add, path, element);

    /// <summary>Removes an element from a set: the adds of it that were seen.</summary>
    /// <param name="path">Name of the set.</param>
    /// <param name="element">1 to 255 bytes of UTF-8.</param>
    public EntityEdit Discard(FieldPath path, string element) => Add(EditStepKind.Discard, path, element);

    /// <summary>Writes to the register of a data type. It replaces what was there of another kind, and all below it.</summary>
    /// <param name="type">One that the replica was opened with, or one of <see cref="DataTypes"/>.</param>
    /// <param name="path">Name of the register.</param>
    /// <param name="argument">What the type makes of it: see there.</param>
    /// <exception cref="ArgumentException">The type is not registered, or refuses the argument.</exception>
    public EntityEdit Write(DataType type, FieldPath path, Value argument)
    {
        ArgumentNullException.ThrowIfNull(type);
        ArgumentNullException.ThrowIfNull(path);
        if (type.Validate(argument) is { } problem) throw new ArgumentException(problem, nameof(argument));
        if (type == DataTypes.Element) return Add(path, argument.AsString());
        if (type == DataTypes.Counter) return Increment(path, argument.AsInteger());
        if (type is RegisterType) return Set(path, argument);
        DataType? known = KnownTypes[type.Kind];
        if (known?.GetType() != type.GetType())
            throw new ArgumentException($"The replica was not opened with the data type {type}.", nameof(type));
        return Add(EditStepKind.Write, path, argument, known);
    }

    /// <summary>Applies a JSON merge patch (RFC 7396): null removes, an object goes into the map of that name, all
    /// else is set.</summary>
    /// <param name="patch">An object.</param>
    /// <exception cref="ArgumentException"><paramref name="patch"/> is no object.</exception>
    public EntityEdit Patch(Value patch) => AddDocument(EditStepKind.Patch, patch);

    /// <summary>Makes the fields equal to a JSON document: objects become maps, all else values; fields that the
    /// document lacks are removed, and what is equal already is not written. In an edit of an entity as it was seen,
    /// that is what the document is compared with: what arrived since stays.</summary>
    /// <param name="document">An object.</param>
    /// <exception cref="ArgumentException"><paramref name="document"/> is no object.</exception>
    public EntityEdit Replace(Value document) => AddDocument(EditStepKind.Replace, document);

    /// <summary>Counts mutations as seen that the version does not include, and whatever edits before this one in its transaction
    /// write: what somebody without a replica sends in one go, having read only once.</summary>
    /// <param name="mutations">Earlier mutations of the same person's device.</param>
    public EntityEdit AlsoSeen(IEnumerable<Dot> mutations)
    {
        ArgumentNullException.ThrowIfNull(mutations);
        (SeenBeside ??= []).UnionWith(mutations);
        return this;
    }

    /// <summary>Attaches metadata of the application to this mutation.</summary>
    /// <param name="context">Up to 4 KiB encoded.</param>
    public EntityEdit WithContext(Value context)
    {
        Context = context;
        return this;
    }

    private EntityEdit AddDocument(EditStepKind kind, Value document) => document.Kind == ValueKind.Object
        ? Add(kind, FieldPath.Root, document)
        : throw new ArgumentException($"An entity is a JSON object, not {document.Kind}.", nameof(document));

    private EntityEdit Add(EditStepKind kind, FieldPath path, Value value, DataType? type = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Kind == EditKind.Delete) throw new InvalidOperationException("A delete changes no fields.");
        if (kind < EditStepKind.Patch && (path.IsRoot || path.Kind != PathKind.Key))
            throw new ArgumentException($"'{path}' does not name a field.", nameof(path));
        if (kind is EditStepKind.Add or EditStepKind.Discard) path = path.Element(value.AsString());
        if (kind is EditStepKind.Increment) path = path.AsCounter();
        if (type is not null) path = path.As(type);
        Add(new EditStep(kind, path, value, type));
        return this;
    }

    private void Add(in EditStep step)
    {
        if (count == 0)
        {
            (first, count) = (step, 1);
            return;
        }
        if (steps is null)
        {
            steps = new EditStep[4];
            steps[0] = first;
        }
        else if (count == steps.Length)
        {
            Array.Resize(ref steps, 2 * count);
        }
        steps[count++] = step;
    }

    private sealed class Rarities
    {
        public Value Context { get; set; }

        public MutationOrigin? Origin { get; set; }

        public HashSet<Dot>? SeenBeside { get; set; }

        public Dot TransactionStart { get; set; }

        public VersionVector? Basis { get; init; }

        public Entity? Seen { get; init; }
    }
}
