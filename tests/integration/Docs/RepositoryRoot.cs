namespace Crdt.Integration.Docs;

/// <summary>The working copy that the tests were built from.</summary>
internal static class RepositoryRoot
{
    public static string Path { get; } = Find();

    public static string Read(params ReadOnlySpan<string> parts) =>
        File.ReadAllText(System.IO.Path.Combine([Path, .. parts]));

    public static IEnumerable<string> Files(string folder, string pattern)
    {
        char separator = System.IO.Path.DirectorySeparatorChar;
        return Directory.EnumerateFiles(System.IO.Path.Combine(Path, folder), pattern, SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{separator}obj{separator}", StringComparison.Ordinal)
                && !f.Contains($"{separator}bin{separator}", StringComparison.Ordinal));
    }

    private static string Find()
    {
        string at = AppContext.BaseDirectory;
        while (!File.Exists(System.IO.Path.Combine(at, "Crdt.sln")))
            at = System.IO.Path.GetDirectoryName(at) ?? throw new InvalidOperationException("The repository was not found.");
        return at;
    }
}
