using System.Diagnostics.CodeAnalysis;

namespace Crdt.Server.Authorization;

/// <summary>One thing that a token gives: <c>offline:VERB[:DOMAIN[:TYPE[:ID]]]</c>. A part that is left out, or <c>*</c>, is any;
/// letters that a scope cannot hold are percent-encoded.</summary>
internal sealed record Scope(ScopeVerb Verb, string? Domain = null, string? Type = null, string? Id = null)
{
    /// <summary>Whether it holds for everything there is.</summary>
    public bool IsWhole => Domain is null && Type is null && Id is null;

    /// <summary>Reads one; others than this server's are not it.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out Scope? scope)
    {
        scope = null;
        string[] parts = text.Split(':');
        int verb = parts.Length is < 2 or > 5 || parts[0] != "offline" ? -1 : Array.IndexOf(Verbs, parts[1]);
        if (verb < 0) return false;
        scope = new Scope((ScopeVerb)verb, Part(2), Part(3), Part(4));
        return true;

        string? Part(int at) => at >= parts.Length || parts[at] is "*" or "" ? null : Uri.UnescapeDataString(parts[at]);
    }

    /// <summary>Whether it covers one entity.</summary>
    public bool Covers(ScopeVerb verb, string domain, string type, string id) => Verb == verb
        && (Domain is null || Domain == domain) && (Type is null || Type == type) && (Id is null || Id == id);

    /// <summary>Whether it covers some entity of a type: all of them where it names none.</summary>
    public bool Meets(ScopeVerb verb, string? domain, string? type) => Verb == verb
        && (Domain is null || domain is null || Domain == domain) && (Type is null || type is null || Type == type);

    /// <inheritdoc/>
    public override string ToString()
    {
        string?[] parts = [Domain, Type, Id];
        int length = Array.FindLastIndex(parts, p => p is not null) + 1;
        return string.Join(':', [$"offline:{Verbs[(int)Verb]}", .. parts[..length].Select(p => p is null ? "*" : Uri.EscapeDataString(p))]);
    }

    private static readonly string[] Verbs = ["read", "write", "resolve", "admin"];
}
