namespace Crdt.Server.Hosting;

/// <summary>Whose tokens are believed, and what they give.</summary>
internal sealed class AccessOptions
{
    /// <summary>The issuer's address: its discovery document lies below it. Without one, and outside of Development, nobody gets
    /// in.</summary>
    public string? Issuer { get; set; }

    /// <summary>For whom tokens are made out.</summary>
    public string Audience { get; set; } = "crdt";

    /// <summary>Algorithms of signatures that are believed.</summary>
    public IList<string> Algorithms { get; } = ["ES256", "RS256", "PS256"];

    /// <summary>Values of a token's <c>typ</c> that are believed.</summary>
    public IList<string> TokenTypes { get; } = ["at+jwt", "JWT"];

    /// <summary>Whether devices show a token when they replicate, and what they bring is judged by their users' grants. By default where
    /// an issuer is named.</summary>
    public bool? SessionsNeedToken { get; set; }

    /// <summary>What <see cref="SessionsNeedToken"/> comes to.</summary>
    internal bool NeedsTokens => SessionsNeedToken ?? Issuer is { Length: > 0 };

    /// <summary>The claim that names roles.</summary>
    public string RoleClaim { get; set; } = "role";

    /// <summary>What roles give: for each the scopes, separated by blanks.</summary>
    public IDictionary<string, string> Roles { get; } = new Dictionary<string, string>
    {
        ["viewer"] = "offline:read",
        ["editor"] = "offline:read offline:write",
        ["supervisor"] = "offline:read offline:write offline:resolve",
        ["administrator"] = "offline:read offline:write offline:resolve offline:admin",
    };
}
