using System.Text.Json;

namespace Crdt.Fuzz;

/// <summary>The seeds that are kept in the repository: the golden vectors, and inputs that once did harm.</summary>
internal static class Corpus
{
    private static readonly string Root = Find();

    /// <summary>The vectors of a file.</summary>
    public static IEnumerable<byte[]> Vectors(string file, string member)
    {
        using JsonDocument vectors = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Root, "docs", "vectors", file)));
        foreach (JsonElement vector in vectors.RootElement.EnumerateArray())
        {
            if (!vector.TryGetProperty(member, out JsonElement value)) continue;
            if (value.ValueKind == JsonValueKind.String) yield return FromHex(value.GetString()!);
            else if (value.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement part in value.EnumerateArray()) yield return FromHex(part.GetString()!);
            }
        }
    }

    /// <summary>Inputs in tests/fuzz/corpus, one a line in hex.</summary>
    public static IEnumerable<byte[]> Found(string target)
    {
        string file = Path.Combine(Root, "tests", "fuzz", "corpus", target + ".hex");
        return File.Exists(file) ? File.ReadLines(file).Where(l => l.Length > 0 && l[0] != '#').Select(FromHex) : [];
    }

    /// <summary>The files of a folder of the repository.</summary>
    public static IEnumerable<byte[]> Files(params string[] folder) =>
        Directory.GetFiles(Path.Combine([Root, .. folder])).Order(StringComparer.Ordinal).Select(File.ReadAllBytes);

    private static byte[] FromHex(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    private static string Find()
    {
        string at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Crdt.sln")))
            at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("The repository was not found.");
        return at;
    }
}
