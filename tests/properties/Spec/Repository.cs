using System.Text.Json.Nodes;

namespace Crdt.Properties.Spec;

/// <summary>Files of the repository that tests read: the specification's vectors.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static JsonArray Vectors(string name) =>
        JsonNode.Parse(File.ReadAllText(VectorPath(name)))!.AsArray();

    /// <summary>Compares with the file; with CRDT_WRITE_VECTORS set it writes the file instead, for a new version of
    /// the format.</summary>
    public static void Verify(string name, JsonArray expected)
    {
        string text = expected.ToJsonString(new() { WriteIndented = true, IndentSize = 1, NewLine = "\n" }) + "\n";
        if (Environment.GetEnvironmentVariable("CRDT_WRITE_VECTORS") is not null) File.WriteAllText(VectorPath(name), text);
        Assert.Equal(text, File.ReadAllText(VectorPath(name)));
    }

    private static string VectorPath(string name) => Path.Combine(Root, "docs", "vectors", name);

    private static string FindRoot()
    {
        string at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Crdt.sln")))
            at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("The repository was not found.");
        return at;
    }
}
