namespace Crdt.Cli.Arguments;

/// <summary>Conflict policies on a command line.</summary>
internal static class Policies
{
    public static string Names { get; } = string.Join(", ", Enum.GetNames<ConflictPolicy>());

    public static string ExistenceNames { get; } = string.Join(", ", Enum.GetNames<ExistencePolicy>());

    public static PolicyScope Scope(string text)
    {
        try
        {
            return PolicyScope.Parse(text);
        }
        catch (FormatException e)
        {
            throw CliException.Usage(e.Message, inner: e);
        }
    }

    /// <summary>Reads a name in any case, with or without hyphens, as in <c>last-write-wins</c>.</summary>
    public static ConflictPolicy Policy(string text) => TryParse(text, out ConflictPolicy policy)
        ? policy
        : throw CliException.Usage($"'{text}' is not a conflict policy.", $"The policies are {Names}.");

    /// <summary>Reads a name in any case, with or without hyphens, as in <c>delete-wins</c>.</summary>
    public static ExistencePolicy Existence(string text) => TryParse(text, out ExistencePolicy policy)
        ? policy
        : throw CliException.Usage($"'{text}' is not an existence policy.", $"The policies are {ExistenceNames}.");

    /// <summary>Reads <c>SCOPE=POLICY</c>, each scope once.</summary>
    public static KeyValuePair<PolicyScope, T>[] Assignments<T>(IEnumerable<string> texts, Func<string, T> read)
    {
        KeyValuePair<PolicyScope, T>[] all = [.. texts.Select(text =>
        {
            int at = text.LastIndexOf('=');
            return at < 1
                ? throw CliException.Usage($"'{text}' is not SCOPE=POLICY.", "For instance: incident/strike/species=Manual")
                : KeyValuePair.Create(Scope(text[..at]), read(text[(at + 1)..]));
        })];
        return all.GroupBy(p => p.Key).FirstOrDefault(g => g.Count() > 1) is { } twice
            ? throw CliException.Usage($"The policy of '{twice.Key}' is given twice.")
            : all;
    }

    private static bool TryParse<T>(string text, out T policy)
        where T : struct, Enum
    {
        string name = text.Replace("-", "", StringComparison.Ordinal);
        policy = default;
        return name.Length > 0 && char.IsAsciiLetter(name[0])
            && Enum.TryParse(name, ignoreCase: true, out policy) && Enum.IsDefined(policy);
    }
}
