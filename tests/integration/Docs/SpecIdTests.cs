using System.Text.RegularExpressions;

namespace Crdt.Integration.Docs;

/// <summary>The specifications and the tests hold each other: no rule without a test, no test of a rule that is not
/// there.</summary>
public sealed partial class SpecIdTests
{
    [Fact]
    public void Every_rule_of_the_wire_format_has_a_test_and_every_test_its_rule()
    {
        HashSet<string> rules = [.. WireRule().Matches(RepositoryRoot.Read("docs", "wire-format.md")).Select(m => m.Groups[1].Value)];
        Assert.Superset(new HashSet<string> { "WF-1.1", "WF-6.8" }, rules);
        AssertSame(rules, [.. TestedIds().Where(id => id.StartsWith("WF-", StringComparison.Ordinal))]);
    }

    [Fact]
    public void Every_law_in_force_has_a_test_and_every_test_its_law()
    {
        string text = RepositoryRoot.Read("docs", "convergence.md");
        HashSet<string> laws = [.. Law().Matches(text).Where(m => m.Groups[2].Value == "in force").Select(m => m.Groups[1].Value)];
        HashSet<string> later = [.. Law().Matches(text).Where(m => m.Groups[2].Value != "in force").Select(m => m.Groups[1].Value)];
        Assert.Equal(15, laws.Count + later.Count);
        AssertSame(laws, [.. TestedIds().Where(id => id.StartsWith("CV-", StringComparison.Ordinal) && !later.Contains(id))]);
    }

    [Fact]
    public void Every_test_that_a_guarantee_or_the_threat_model_names_exists()
    {
        string tests = string.Concat(RepositoryRoot.Files("tests", "*.cs").Select(File.ReadAllText));
        string[] named = [.. ((string[])["guarantees.md", "threat-model.md"])
            .SelectMany(file => TestName().Matches(RepositoryRoot.Read("docs", file))).Select(m => m.Groups[1].Value)];
        Assert.NotEmpty(named);
        Assert.All(named, name => Assert.Matches($@"\b{name}\(", tests));
    }

    [Fact]
    public void Every_relative_link_leads_somewhere()
    {
        foreach (string file in RepositoryRoot.Files("docs", "*.md").Append(Path.Combine(RepositoryRoot.Path, "README.md")))
        {
            foreach (Match link in Link().Matches(File.ReadAllText(file)))
            {
                string target = Path.Combine(Path.GetDirectoryName(file)!, link.Groups[1].Value);
                Assert.True(File.Exists(target) || Directory.Exists(target), $"{file} links to {link.Groups[1].Value}.");
            }
        }
    }

    private static void AssertSame(HashSet<string> written, HashSet<string> tested)
    {
        Assert.True(written.SetEquals(tested),
            $"Without a test: {string.Join(", ", written.Except(tested).Order())}. "
            + $"Tested, but not written down: {string.Join(", ", tested.Except(written).Order())}.");
    }

    private static IEnumerable<string> TestedIds()
    {
        foreach (string file in RepositoryRoot.Files("tests", "*.cs"))
        {
            string text = File.ReadAllText(file);
            foreach (Match trait in SpecTrait().Matches(text)) yield return trait.Groups[1].Value;
            foreach (Match trait in LawTrait().Matches(text)) yield return $"CV-{trait.Groups[1].Value}";
        }
    }

    [GeneratedRegex(@"\*\*(WF-\d+\.\d+)\*\*")]
    private static partial Regex WireRule();

    [GeneratedRegex(@"^\| \*\*(CV-\d+)\*\* \| ([^|]+?) \|", RegexOptions.Multiline)]
    private static partial Regex Law();

    [GeneratedRegex(@"`([A-Z][a-z]*(?:_[A-Za-z0-9]+){2,})`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"\]\((?!https?:|#)([^)#\s]+)[^)]*\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"Trait\(""Spec"", ""((?:WF|CV)-[\d.]+)""\)")]
    private static partial Regex SpecTrait();

    [GeneratedRegex(@"Trait\(""Law"", ""(\d+)""\)")]
    private static partial Regex LawTrait();
}
