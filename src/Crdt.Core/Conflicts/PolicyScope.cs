namespace Crdt;

/// <summary>What a policy applies to: a domain, a type of it, or a field of that. The most exact one wins.</summary>
public sealed record PolicyScope
{
    internal const string EntityType = "policy";

    /// <summary>Names a scope.</summary>
    /// <param name="domain">The domain.</param>
    /// <param name="type">A type of it; <see langword="null"/> for the whole domain.</param>
    /// <param name="field">Name of a field of the type, with all below it; <see langword="null"/> for the whole type.</param>
    /// <exception cref="ArgumentException">A name breaks the rule of names, holds a slash, a field is given without a
    /// type, or all together take more than 255 bytes.</exception>
    public PolicyScope(string domain, string? type = null, string? field = null)
    {
        if (type is null && field is not null) throw new ArgumentException("A field needs a type.", nameof(field));
        (Domain, Type, Field) = (domain, type, field);
        foreach (string part in new[] { domain, type, field }.OfType<string>())
        {
            Utf8Name.Check(part, "name", nameof(domain));
            if (part.Contains('/', StringComparison.Ordinal))
                throw new ArgumentException($"The name '{part}' holds a '/'.", nameof(domain));
        }
        Key = new EntityKey(EntityKey.SpaceDomain, EntityType, ToString());
    }

    /// <summary>The domain.</summary>
    public string Domain { get; }

    /// <summary>The type; <see langword="null"/> for the whole domain.</summary>
    public string? Type { get; }

    /// <summary>The field; <see langword="null"/> for the whole type.</summary>
    public string? Field { get; }

    /// <summary>The entity of the space's own data that holds the policy.</summary>
    internal EntityKey Key { get; }

    /// <summary>Reads <c>domain</c>, <c>domain/type</c> or <c>domain/type/field</c>.</summary>
    /// <exception cref="FormatException">It is none of them.</exception>
    public static PolicyScope Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split('/');
        try
        {
            if (parts.Length <= 3) return new PolicyScope(parts[0], parts.ElementAtOrDefault(1), parts.ElementAtOrDefault(2));
        }
        catch (ArgumentException e)
        {
            throw new FormatException($"'{text}' is not a scope: {e.Message}", e);
        }
        throw new FormatException($"'{text}' is not a scope: domain, domain/type or domain/type/field is expected.");
    }

    /// <summary>What <see cref="Parse"/> reads.</summary>
    public override string ToString() => string.Join('/', new[] { Domain, Type, Field }.OfType<string>());
}
