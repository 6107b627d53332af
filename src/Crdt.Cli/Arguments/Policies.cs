namespace Crdt.Cli.Arguments;

/// <summary>Conflict policies on a command line.</summary>
internal static class Policies
{
    public static string Names { get; } = string.Join(", ", Enum.GetNames<ConflictPolicy>());

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
    public static ConflictPolicy Policy(string text)
    {
        string name = text.Replace("-", "", StringComparison.Ordinal);
        return name.Length > 0 && char.IsAsciiLetter(name[0])
            && Enum.TryParse(name, ignoreCase: true, out ConflictPolicy policy) && Enum.IsDefined(policy)
            ? policy
            : throw CliException.Usage($"'{text}' is not a conflict policy.", $"The policies are {Names}.");
    }

    /// <summary>Reads <c>SCOPE=POLICY</c>.</summary>
    public static KeyValuePair<PolicyScope, ConflictPolicy> Assignment(string text)
    {
        int at = text.LastIndexOf('=');
        return at < 1
            ? throw CliException.Usage($"'{text}' is not SCOPE=POLICY.", "For instance: incident/strike/species=Manual")
            : new(Scope(text[..at]), Policy(text[(at + 1)..]));
    }
}
