namespace Crdt.Cli.Arguments;

/// <summary>A domain, a type of it, or one entity of that.</summary>
internal sealed record EntityScope(string Domain, string? Type, EntityKey? Key)
{
    /// <summary>Reads <c>domain</c>, <c>domain/type</c> or <c>domain/type/id</c>.</summary>
    public static bool TryParse(string text, out EntityScope? scope)
    {
        string[] parts = text.Split('/', 3);
        scope = null;
        if (parts.Any(string.IsNullOrEmpty)) return false;
        if (parts.Length < 3) scope = new EntityScope(parts[0], parts.ElementAtOrDefault(1), null);
        else if (EntityKey.TryParse(text, out EntityKey? key)) scope = new EntityScope(parts[0], parts[1], key);
        return scope is not null;
    }
}
