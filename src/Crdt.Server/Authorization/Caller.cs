using System.Security.Claims;
using Crdt.Server.Hosting;

namespace Crdt.Server.Authorization;

/// <summary>Who asks, and what that one may do.</summary>
/// <param name="Subject">The person, or the client that acts for itself; bound to the mutations as their author.</param>
/// <param name="Client">The program that the token was made out to: what rates are counted by.</param>
/// <param name="Scopes">What the token gives.</param>
/// <param name="Expires">When the token ends.</param>
internal sealed record Caller(string Subject, string Client, IReadOnlyList<Scope> Scopes, DateTimeOffset? Expires)
{
    private const int NameLengthMax = 255;

    /// <summary>Reads a token that was validated.</summary>
    public static Caller From(ClaimsPrincipal user, AccessOptions options)
    {
        IEnumerable<string> granted = user.FindAll("scope").Concat(user.FindAll("scp")).SelectMany(c => c.Value.Split(' '))
            .Concat(user.FindAll(options.RoleClaim).SelectMany(c => options.Roles.TryGetValue(c.Value, out string? of) ? of.Split(' ') : []));
        Scope[] scopes = [.. granted.Select(g => Scope.TryParse(g, out Scope? scope) ? scope : null).OfType<Scope>().Distinct()];
        string subject = user.FindFirst("sub")?.Value ?? user.FindFirst("client_id")?.Value ?? "unknown";
        string client = user.FindFirst("client_id")?.Value ?? user.FindFirst("azp")?.Value ?? subject;
        DateTimeOffset? expires = long.TryParse(user.FindFirst("exp")?.Value, out long seconds)
            ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;
        return new Caller(subject.Length <= NameLengthMax ? subject : subject[..NameLengthMax], client, scopes, expires);
    }

    /// <summary>Whether something may be done to an entity.</summary>
    public bool May(ScopeVerb verb, EntityKey key) => Scopes.Any(s => s.Covers(verb, key.Domain, key.Type, key.Id));

    /// <summary>Whether something may be done to everything: the space's own data, too.</summary>
    public bool MayAll(ScopeVerb verb) => Scopes.Any(s => s.Verb == verb && s.IsWhole);

    /// <summary>Whether something may be done to anything of a type, or of a domain, or at all.</summary>
    public bool MaySome(ScopeVerb verb, string? domain = null, string? type = null) => Scopes.Any(s => s.Meets(verb, domain, type));
}
