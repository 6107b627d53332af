using System.Collections;

namespace Crdt;

/// <summary>A question about the living entities of a type. Immutable: each step gives a new one. It is answered each time it
/// is enumerated, all as of one moment, and shows everything that was committed before, also what no index has yet.</summary>
/// <remarks>
/// <para>In order of the ids unless another is asked for. A condition or order on an indexed field
/// (<see cref="Replica.EnsureIndexAsync"/>) reads what it gives out; any other looks at every entity of the type.
/// <see cref="Explain"/> tells which.</para>
/// <para>Safe for concurrent use, except that an enumeration belongs to one thread.</para>
/// </remarks>
public sealed class EntityQuery : IEnumerable<Entity>
{
    private readonly Func<ReplicaView>? open;
    private readonly ReplicaView? view;

    /// <summary>A query that is answered from a new moment each time.</summary>
    internal EntityQuery(Func<ReplicaView> open, string domain, string type)
        : this(domain, type) => this.open = open;

    /// <summary>A query that is answered from one moment.</summary>
    internal EntityQuery(ReplicaView view, string domain, string type)
        : this(domain, type) => this.view = view;

    private EntityQuery(string domain, string type)
    {
        ArgumentNullException.ThrowIfNull(domain);
        ArgumentNullException.ThrowIfNull(type);
        (Domain, Type) = (domain, type);
    }

    private EntityQuery(EntityQuery from)
    {
        (open, view, Domain, Type) = (from.open, from.view, from.Domain, from.Type);
        (Filter, Order, IsDescending, Skipped, Most, Behind) =
            (from.Filter, from.Order, from.IsDescending, from.Skipped, from.Most, from.Behind);
    }

    /// <summary>The domain asked about.</summary>
    public string Domain { get; }

    /// <summary>The type asked about.</summary>
    public string Type { get; }

    /// <summary>What the entities fulfil; <see langword="null"/> for all of them.</summary>
    public EntityFilter? Filter { get; private init; }

    /// <summary>What they are sorted by; <see langword="null"/> for their ids.</summary>
    public FieldPath? Order { get; private init; }

    /// <summary>Whether the last in that order comes first.</summary>
    public bool IsDescending { get; private init; }

    /// <summary>How many are left out at the beginning.</summary>
    public int Skipped { get; private init; }

    /// <summary>Behind which id they begin; <see langword="null"/> for the first.</summary>
    public string? Behind { get; private init; }

    /// <summary>How many come at most; <see langword="null"/> for all.</summary>
    public int? Most { get; private init; }

    /// <summary>Only entities that fulfil a condition, beside those asked for before.</summary>
    /// <param name="condition">As <see cref="EntityFilter.Parse"/> reads it: <c>status = 'open' AND priority >= @0</c>.</param>
    /// <param name="values">What <c>@0</c>, <c>@1</c>, ... stand for.</param>
    /// <exception cref="FormatException">The condition cannot be read.</exception>
    public EntityQuery Where(string condition, params IReadOnlyList<Value> values) => Where(EntityFilter.Parse(condition, values));

    /// <summary>Only entities that fulfil a condition, beside those asked for before.</summary>
    public EntityQuery Where(EntityFilter condition)
    {
        ArgumentNullException.ThrowIfNull(condition);
        return new EntityQuery(this) { Filter = Filter is null ? condition : Filter.And(condition) };
    }

    /// <summary>Sorted by what a field shows: absent and null first, then truth values, numbers, instants, text, bytes, arrays,
    /// objects; what is equal by the ids.</summary>
    /// <param name="field">The field, or a member of it; a dot in a text is an ordinary letter.</param>
    public EntityQuery OrderBy(FieldPath field)
    {
        ArgumentNullException.ThrowIfNull(field);
        return new EntityQuery(this) { Order = field, IsDescending = false };
    }

    /// <summary>As <see cref="OrderBy"/>, the other way round, ids too.</summary>
    public EntityQuery OrderByDescending(FieldPath field)
    {
        ArgumentNullException.ThrowIfNull(field);
        return new EntityQuery(this) { Order = field, IsDescending = true };
    }

    /// <summary>Leaves out so many at the beginning; they are found all the same.</summary>
    public EntityQuery Offset(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return new EntityQuery(this) { Skipped = count };
    }

    /// <summary>Only entities whose ids come later than one, without reading those before: the next page of a list in order of
    /// ids, which neither repeats nor misses anything that was there all the time.</summary>
    /// <param name="id">The last id of the page before.</param>
    public EntityQuery After(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return new EntityQuery(this) { Behind = id };
    }

    /// <summary>At most so many.</summary>
    public EntityQuery Limit(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return new EntityQuery(this) { Most = count };
    }

    /// <summary>How it would be answered now.</summary>
    public EntityQueryPlan Explain()
    {
        using ReplicaView? opened = open?.Invoke();
        return new QueryRun(this, (view ?? opened)!).Plan();
    }

    /// <inheritdoc/>
    public IEnumerator<Entity> GetEnumerator()
    {
        using ReplicaView? opened = open?.Invoke();
        foreach (Entity entity in new QueryRun(this, (view ?? opened)!).Run()) yield return entity;
    }

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
