namespace Crdt.MutationCheck;

/// <summary>A mistake that somebody could make, as exact text, and what should notice it.</summary>
/// <param name="Name">Short, for choosing it.</param>
/// <param name="Kind">What it is about: registers, roots, clocks, marks, refusals …</param>
/// <param name="File">The source file, from the repository's root.</param>
/// <param name="Law">The law that should notice it.</param>
/// <param name="Tests">Part of the name of the tests that hold that law; several with a bar between.</param>
/// <param name="Before">The text as it stands: once, and only once.</param>
/// <param name="After">What stands there with the bug.</param>
internal sealed record PlantedBug(
    string Name, string Kind, string File, string Law, string Tests, string Before, string After)
{
    /// <summary>Reads the list: docs of its form stand at its head.</summary>
    public static IReadOnlyList<PlantedBug> ReadAll(string path)
    {
        var bugs = new List<PlantedBug>();
        string[] lines = System.IO.File.ReadAllLines(path);
        for (int at = 0; at < lines.Length; at++)
        {
            if (!lines[at].StartsWith("= ", StringComparison.Ordinal)) continue;
            string name = lines[at][2..].Trim();
            var told = new Dictionary<string, string>();
            for (at++; lines[at] != "<<<<"; at++)
            {
                int colon = lines[at].IndexOf(':', StringComparison.Ordinal);
                if (colon < 0) throw new InvalidDataException($"{name}: line {at + 1} is neither 'key: value' nor '<<<<'.");
                told[lines[at][..colon]] = lines[at][(colon + 1)..].Trim();
            }
            string before = TakeUntil(lines, "====", ref at), after = TakeUntil(lines, ">>>>", ref at);
            bugs.Add(new PlantedBug(name, told["kind"], told["file"], told["law"], told["tests"], before, after));
        }
        return bugs;
    }

    private static string TakeUntil(string[] lines, string end, ref int at)
    {
        int start = ++at;
        while (lines[at] != end) at++;
        return string.Join('\n', lines[start..at]);
    }
}
