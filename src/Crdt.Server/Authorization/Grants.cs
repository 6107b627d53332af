namespace Crdt.Server.Authorization;

/// <summary>What people may do, as entities of the space's own data: known to every server, and the same at the same place of the
/// log.</summary>
internal static class Grants
{
    public const string EntityType = "grant";

    public static readonly FieldPath ScopesField = "scopes";

    public static EntityKey KeyOf(string user) => new(EntityKey.SpaceDomain, EntityType, user);

    /// <summary>What an entity gives.</summary>
    public static IReadOnlyList<Scope> Read(Entity? entity) => entity is not { Exists: true } || entity[ScopesField] is not { Kind: ValueKind.String } text
        ? [] : [.. text.AsString().Split(' ').Select(t => Scope.TryParse(t, out Scope? scope) ? scope : null).OfType<Scope>()];

    /// <summary>As it is kept: sorted, so that the same is the same.</summary>
    public static string Write(IEnumerable<Scope> scopes) =>
        string.Join(' ', scopes.Select(s => s.ToString()).Distinct().Order(StringComparer.Ordinal));
}
