using System.Runtime.InteropServices;

namespace Crdt;

/// <summary>Mutations that become durable and visible together, or not at all. Made by
/// <c>Replica.Begin</c>; takes notes until <see cref="CommitAsync"/>.</summary>
/// <remarks>Not safe for concurrent use; commits once.</remarks>
public sealed class Transaction
{
    private readonly Replica replica;
    // Most transactions have one edit: it needs no array. Of more, all stand in the array.
    private EntityEdit? first;
    private EntityEdit[]? edits;
    private int count;
    private bool isCommitted;

    internal Transaction(Replica replica, string? user)
    {
        if (user is not null) Utf8Name.Check(user, "user", nameof(user));
        (this.replica, User) = (replica, user);
    }

    /// <summary>Who is using the device, bound at capture; <see langword="null"/> when nobody is named.</summary>
    public string? User { get; }

    /// <summary>What the commit waits for; to be set before it.</summary>
    public Durability Durability { get; set; }

    internal ReadOnlySpan<EntityEdit> Edits => edits is null ? MemoryMarshal.CreateReadOnlySpan(ref first!, count) : edits.AsSpan(0, count);

    /// <summary>Makes an entity. The commit fails with <see cref="MutationError.AlreadyExists"/> if it is alive; one
    /// that was deleted begins anew, with none of its old fields.</summary>
    public EntityEdit Create(EntityKey key) => Add(key, EditKind.Create, null);

    /// <summary>Changes an entity as it stands at the commit, which fails with <see cref="MutationError.NotFound"/> if
    /// it is not alive.</summary>
    public EntityEdit Update(EntityKey key) => Add(key, EditKind.Update, null);

    /// <summary>Changes an entity as a person saw it: what arrived since then is concurrent, not overwritten.</summary>
    /// <param name="seen">The entity that the person was looking at.</param>
    public EntityEdit Update(Entity seen)
    {
        ArgumentNullException.ThrowIfNull(seen);
        return Add(seen.Key, EditKind.Update, seen.Version, seen);
    }

    /// <summary>Changes an entity as it was at a version, for instance the one a thin client read.</summary>
    /// <param name="key">The entity.</param>
    /// <param name="seen">The version that was seen (<see cref="Entity.Version"/>).</param>
    public EntityEdit Update(EntityKey key, VersionVector seen)
    {
        ArgumentNullException.ThrowIfNull(seen);
        return Add(key, EditKind.Update, seen);
    }

    /// <summary>Changes an entity if it is alive, makes it if not.</summary>
    public EntityEdit Upsert(EntityKey key) => Add(key, EditKind.Upsert, null);

    /// <summary>Deletes an entity. The commit fails with <see cref="MutationError.NotFound"/> if it is not alive. An
    /// update that nobody had seen brings the whole entity back.</summary>
    public EntityEdit Delete(EntityKey key) => Add(key, EditKind.Delete, null);

    /// <summary>Deletes an entity as a person saw it; an update that arrived since then keeps it alive.</summary>
    public EntityEdit Delete(Entity seen)
    {
        ArgumentNullException.ThrowIfNull(seen);
        return Add(seen.Key, EditKind.Delete, seen.Version);
    }

    /// <summary>Deletes an entity as it was at a version, for instance the one a thin client read; an update that arrived since
    /// then keeps it alive.</summary>
    /// <param name="key">The entity.</param>
    /// <param name="seen">The version that was seen (<see cref="Entity.Version"/>).</param>
    public EntityEdit Delete(EntityKey key, VersionVector seen)
    {
        ArgumentNullException.ThrowIfNull(seen);
        return Add(key, EditKind.Delete, seen);
    }

    /// <summary>Settles a conflict by one of its siblings.</summary>
    /// <param name="conflict">The conflict, as the person saw it.</param>
    /// <param name="choice">A sibling of it.</param>
    /// <exception cref="ArgumentException">The sibling is not one of the conflict's, or the conflict is one of kinds,
    /// which takes a value.</exception>
    public EntityEdit Resolve(Conflict conflict, Sibling choice)
    {
        ArgumentNullException.ThrowIfNull(conflict);
        if (conflict.Kind == ConflictKind.Kinds || !conflict.Siblings.Contains(choice))
            throw new ArgumentException("The choice is not a sibling of the conflict.", nameof(choice));
        return Resolve(conflict, choice.Value);
    }

    /// <summary>Settles a conflict by a new value. Siblings that arrived since the person looked stay: then it is a
    /// conflict of the new value with them. The commit fails with <see cref="MutationError.NoConflict"/> when none of
    /// the conflict's siblings is held any more.</summary>
    /// <param name="conflict">The conflict, as the person saw it.</param>
    /// <param name="value">The value that shall stand; of a conflict of existence true keeps the entity, false deletes it.</param>
    /// <exception cref="ArgumentException">The conflict is one of existence, and the value is neither true nor false.</exception>
    public EntityEdit Resolve(Conflict conflict, Value value)
    {
        ArgumentNullException.ThrowIfNull(conflict);
        VersionVector seen = conflict.Held ?? VersionVector.Empty;
        bool ofExistence = conflict.Kind == ConflictKind.Existence;
        if (ofExistence && value.Kind != ValueKind.Boolean)
            throw new ArgumentException("An entity is kept (true) or deleted (false).", nameof(value));
        EntityEdit edit = ofExistence
            ? Add(conflict.Key, value.AsBoolean() ? EditKind.Resolve : EditKind.Delete, seen, isOfExistence: true)
            : Add(conflict.Key, EditKind.Resolve, seen).Set(conflict.Path, value);
        // Of one author the later may have been seen and the earlier not: then only the mutations themselves tell.
        return conflict.Held is null ? edit.AlsoSeen(conflict.Siblings.Select(s => s.Dot)) : edit;
    }

    /// <summary>Sets the conflict policy of a domain, a type or a field. Needs the server role.</summary>
    /// <param name="scope">What it applies to.</param>
    /// <param name="policy">The policy.</param>
    public EntityEdit SetPolicy(PolicyScope scope, ConflictPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return Upsert(scope.Key).Set(PolicyTable.ConflictField, policy.ToString());
    }

    /// <summary>Sets what decides between a delete and a concurrent write, for a domain or a type. Needs the server role.</summary>
    /// <param name="scope">What it applies to; no field.</param>
    /// <param name="policy">The policy.</param>
    /// <exception cref="ArgumentException">The scope names a field.</exception>
    public EntityEdit SetPolicy(PolicyScope scope, ExistencePolicy policy)
    {
        ArgumentNullException.ThrowIfNull(scope);
        if (scope.Field is not null) throw new ArgumentException("Existence is a matter of whole entities.", nameof(scope));
        return Upsert(scope.Key).Set(PolicyTable.ExistenceField, policy.ToString());
    }

    /// <summary>Says what becomes of the space's log, on every replica. Needs the server role.</summary>
    /// <param name="retention">Keep it as evidence, or let go what everybody has seen.</param>
    public EntityEdit SetRetention(HistoryRetention retention) =>
        Upsert(SpaceGenesis.SettingsKey).Set(Replica.RetentionField, retention.ToString());

    /// <summary>Allows batches of a later format to be written in this space, once every device that takes part reads it.
    /// Needs the server role.</summary>
    /// <param name="format">From 1 to <see cref="FormatLimits.BatchFormatMax"/>: nobody allows what it cannot read.</param>
    public EntityEdit SetBatchFormat(int format)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(format, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(format, FormatLimits.BatchFormatMax);
        return Update(SpaceGenesis.SettingsKey).Set(SpaceGenesis.BatchFormatField, format);
    }

    /// <summary>Commits. Completes when the transaction is durable and visible here.</summary>
    /// <returns>The mutations' identities, in the order of the edits; edits that had nothing to change made none.</returns>
    /// <exception cref="MutationException">An edit does not fit the entity; nothing was written.</exception>
    /// <exception cref="TransactionTooLargeException">It takes more than 1 MiB; nothing was written.</exception>
    /// <exception cref="InvalidOperationException">It was committed before.</exception>
    public ValueTask<CommitResult> CommitAsync(CancellationToken cancellationToken = default)
    {
        if (isCommitted) throw new InvalidOperationException("The transaction was committed before.");
        isCommitted = true;
        return replica.CommitAsync(this, cancellationToken);
    }

    internal void Add(EntityEdit edit)
    {
        if (count == 0)
        {
            (first, count) = (edit, 1);
            return;
        }
        if (edits is null)
        {
            edits = new EntityEdit[4];
            edits[0] = first!;
        }
        else if (count == edits.Length)
        {
            Array.Resize(ref edits, 2 * count);
        }
        edits[count++] = edit;
    }

    private EntityEdit Add(EntityKey key, EditKind kind, VersionVector? basis, Entity? seen = null, bool isOfExistence = false)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (isCommitted) throw new InvalidOperationException("The transaction was committed before.");
        var edit = new EntityEdit(key, kind, basis, seen)
        {
            KnownTypes = replica.Options.DataTypeTable,
            IsOfExistence = isOfExistence,
        };
        Add(edit);
        return edit;
    }
}
