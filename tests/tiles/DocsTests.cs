using System.Text.RegularExpressions;
using Crdt.Integration.Docs;

namespace Crdt.Tiles.Tests;

public sealed partial class DocsTests
{
    [Fact]
    public void Every_code_that_a_request_for_a_tile_is_answered_with_is_in_the_table()
    {
        string table = RepositoryRoot.Read("docs", "maps.md");
        string[] codes = [.. Directory.GetFiles(Path.Combine(RepositoryRoot.Path, "src", "Crdt.Tiles", "Serving"), "*.cs")
            .SelectMany(f => Code().Matches(File.ReadAllText(f)).Select(m => m.Groups[1].Value)).Distinct()];
        Assert.True(codes.Length >= 9, string.Join(", ", codes));
        foreach (string code in codes) Assert.Contains($"`{code}`", table, StringComparison.Ordinal);
    }

    [GeneratedRegex("Problem\\(\\d{3}, \"([A-Z_]+)\"")]
    private static partial Regex Code();
}
