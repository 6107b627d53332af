namespace Crdt;

/// <summary>Patterns in which <c>%</c> stands for any text, none too, and <c>_</c> for one UTF-16 unit.</summary>
internal static class LikePattern
{
    /// <summary>What every text begins with that fulfils a pattern.</summary>
    public static string PrefixOf(string pattern)
    {
        int end = pattern.AsSpan().IndexOfAny('%', '_');
        return end < 0 ? pattern : pattern[..end];
    }

    /// <summary>Whether a text is of a pattern. Takes at most the product of both lengths.</summary>
    public static bool Matches(ReadOnlySpan<char> text, ReadOnlySpan<char> pattern)
    {
        // Where the last % was, and what it stands for so far: it takes one more when the rest does not fit.
        int at = 0, part = 0, anyAt = -1, taken = 0;
        while (at < text.Length)
        {
            if (part < pattern.Length && pattern[part] == '%')
            {
                (anyAt, taken) = (part++, at);
            }
            else if (part < pattern.Length && (pattern[part] == '_' || pattern[part] == text[at]))
            {
                (part, at) = (part + 1, at + 1);
            }
            else if (anyAt >= 0)
            {
                (part, at) = (anyAt + 1, ++taken);
            }
            else return false;
        }
        while (part < pattern.Length && pattern[part] == '%') part++;
        return part == pattern.Length;
    }
}
