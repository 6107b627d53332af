namespace Crdt;

/// <content>Questions about many entities.</content>
public sealed partial class Replica
{
    /// <summary>The living entities of a type, in order of their ids, all as of one moment: to be narrowed, sorted and
    /// counted.</summary>
    public EntityQuery Query(string domain, string type) => new(View, domain, type);

    /// <summary>The indexes that there are, in order. Each replica has its own.</summary>
    public IReadOnlyList<EntityIndex> Indexes => store.Indexes;

    /// <summary>Makes an index over a field of a type, unless there is one: it stays until it is dropped, also when the
    /// projection is built anew. Queries go by it when it is complete.</summary>
    /// <remarks>Reads all documents of the type, once; commits and reads from memory go on meanwhile. Each write of such an
    /// entity costs the projection more from then on, commits nothing. A store that keeps everything in memory takes note and
    /// scans.</remarks>
    /// <param name="domain">The domain.</param>
    /// <param name="type">The type.</param>
    /// <param name="field">The field, or a member of it, by names alone.</param>
    /// <param name="cancellationToken">Gives up waiting for the projection; the index may come to be none the less.</param>
    /// <exception cref="ArgumentException">The path is the root, or has elements of sets in it; or there are too many
    /// indexes.</exception>
    public ValueTask EnsureIndexAsync(string domain, string type, FieldPath field, CancellationToken cancellationToken = default)
    {
        // As of keys: what no entity's domain and type can be is refused here.
        ArgumentNullException.ThrowIfNull(field);
        EntityKey sample = new(domain, type, "0");
        if (field.IsRoot || field.Segments.Any(s => s.Kind != PathKind.Key))
            throw new ArgumentException($"'{field}' is not a field by names alone.", nameof(field));
        return store.EnsureIndexAsync(new EntityIndex(sample.Domain, sample.Type, field), cancellationToken);
    }

    /// <summary>Drops an index.</summary>
    /// <returns>Whether there was one.</returns>
    public ValueTask<bool> DropIndexAsync(string domain, string type, FieldPath field, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(field);
        return store.DropIndexAsync(new EntityIndex(domain, type, field), cancellationToken);
    }
}
