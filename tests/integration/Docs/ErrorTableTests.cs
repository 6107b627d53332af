using System.Text.RegularExpressions;
using Crdt.Transport;

namespace Crdt.Integration.Docs;

public sealed partial class ErrorTableTests
{
    [Fact]
    [Trait("Spec", "WF-6.8")]
    public void Every_code_of_an_ended_connection_is_in_the_table()
    {
        string table = RepositoryRoot.Read("docs", "wire-format.md");
        foreach (WireError error in Enum.GetValues<WireError>().Where(e => e != WireError.None))
            Assert.Contains($"| {(int)error} | {error} |", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_error_of_a_connection_has_a_test_that_provokes_it_over_one()
    {
        HashSet<string> provoked = Provoked("WireError", Path.Combine("tests", "integration"));
        Assert.Equal([], Enum.GetNames<WireError>().Where(name => name != nameof(WireError.None) && !provoked.Contains(name)));
    }

    [Fact]
    public void Every_error_of_a_session_has_a_test_that_provokes_it()
    {
        HashSet<string> provoked = Provoked("SyncError", "tests");
        Assert.Equal([], Enum.GetNames<SyncError>().Where(name => !provoked.Contains(name)));
    }

    private static HashSet<string> Provoked(string type, string folder) => [.. RepositoryRoot.Files(folder, "*.cs")
        .SelectMany(file => Marked().Matches(File.ReadAllText(file)))
        .Where(m => m.Groups[1].Value == type).Select(m => m.Groups[2].Value)];

    // With the test behind it: a mark alone proves nothing.
    [GeneratedRegex("""\[Trait\("Error", nameof\((\w+)\.(\w+)\)\)\](?=(?:\s*\[[^\n]*\])*\s*public (?:async Task|Task|void) \w+\()""")]
    private static partial Regex Marked();
}
