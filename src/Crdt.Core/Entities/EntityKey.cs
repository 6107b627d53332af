using System.Diagnostics.CodeAnalysis;

namespace Crdt;

/// <summary>Names one entity of a space: domain, type and id, as in <c>investigation / case / 7f…</c>.</summary>
/// <remarks>Each part is 1 to 255 bytes of well-formed UTF-8, compared as bytes, never normalised. Domain and type
/// hold no <c>/</c>. Domains that begin with <c>$</c> belong to the space itself. Immutable.</remarks>
public sealed class EntityKey : IEquatable<EntityKey>, IComparable<EntityKey>
{
    /// <summary>The domain of the space's own data: policies, enrolments, settings (semantics 10).</summary>
    public const string SpaceDomain = "$space";

    /// <summary>Type of the entities of <see cref="SpaceDomain"/> that say where a replica's log ends.</summary>
    internal const string FenceType = "fence";

    private readonly int hash;

    /// <summary>Names an entity.</summary>
    /// <exception cref="ArgumentException">A part is empty, longer than 255 bytes of UTF-8, not well-formed, or
    /// domain or type holds a <c>/</c>; says which.</exception>
    public EntityKey(string domain, string type, string id)
    {
        CheckPart(domain, "domain", nameof(domain));
        CheckPart(type, "type", nameof(type));
        Utf8Name.Check(id, "id", nameof(id));
        (Domain, Type, Id) = (domain, type, id);
        hash = HashCode.Combine(domain, type, id);
    }

    private EntityKey(string domain, string type, string id, int hash) =>
        (Domain, Type, Id, this.hash) = (domain, type, id, hash);

    /// <summary>The first part: whose kind of data this is.</summary>
    public string Domain { get; }

    /// <summary>The second part: what kind of thing it is.</summary>
    public string Type { get; }

    /// <summary>The third part: which one. Ids that are UUIDs in lower case with hyphens take 16 bytes in batches.</summary>
    public string Id { get; }

    /// <summary>Whether this is the space's own data, which only the server role and the authority write.</summary>
    public bool IsSpaceData => Domain == SpaceDomain;

    /// <summary>Reads <c>domain/type/id</c>; the id may hold further slashes.</summary>
    /// <returns><see langword="false"/> when a part is missing or breaks a rule of this class.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out EntityKey? key)
    {
        key = null;
        string[] parts = text?.Split('/', 3) ?? [];
        if (parts.Length < 3) return false;
        try
        {
            key = new EntityKey(parts[0], parts[1], parts[2]);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>Reads <c>domain/type/id</c>; the id may hold further slashes.</summary>
    /// <exception cref="FormatException">It is not of that form, or a part breaks a rule of this class.</exception>
    public static EntityKey Parse(string text) => TryParse(text, out EntityKey? key)
        ? key
        : throw new FormatException($"'{text}' is not an entity: domain/type/id is expected, as in incident/strike/42.");

    /// <summary>Makes a key of parts that were checked before.</summary>
    internal static EntityKey CreateTrusted(string domain, string type, string id) =>
        new(domain, type, id, HashCode.Combine(domain, type, id));

    /// <inheritdoc/>
    public bool Equals(EntityKey? other) => ReferenceEquals(this, other)
        || (other is not null && hash == other.hash && Id == other.Id && Type == other.Type && Domain == other.Domain);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as EntityKey);

    /// <inheritdoc/>
    public override int GetHashCode() => hash;

    /// <summary>Ordinal order of domain, then type, then id.</summary>
    public int CompareTo(EntityKey? other)
    {
        if (other is null) return 1;
        int order = string.CompareOrdinal(Domain, other.Domain);
        if (order == 0) order = string.CompareOrdinal(Type, other.Type);
        return order != 0 ? order : string.CompareOrdinal(Id, other.Id);
    }

    /// <summary>Whether both name the same entity.</summary>
    public static bool operator ==(EntityKey? left, EntityKey? right) => left is null ? right is null : left.Equals(right);

    /// <summary>Whether they name different entities.</summary>
    public static bool operator !=(EntityKey? left, EntityKey? right) => !(left == right);

    /// <summary>Whether <paramref name="left"/> comes first.</summary>
    public static bool operator <(EntityKey left, EntityKey right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> comes last.</summary>
    public static bool operator >(EntityKey left, EntityKey right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="left"/> does not come last.</summary>
    public static bool operator <=(EntityKey left, EntityKey right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="left"/> does not come first.</summary>
    public static bool operator >=(EntityKey left, EntityKey right) => left.CompareTo(right) >= 0;

    /// <summary><c>domain/type/id</c>, which <see cref="Parse"/> reads back.</summary>
    public override string ToString() => $"{Domain}/{Type}/{Id}";

    private static void CheckPart(string part, string what, string parameter)
    {
        Utf8Name.Check(part, what, parameter);
        if (part.Contains('/', StringComparison.Ordinal))
            throw new ArgumentException($"The {what} '{part}' holds a '/', which only an id may.", parameter);
    }
}
