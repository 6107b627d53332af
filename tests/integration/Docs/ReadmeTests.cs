namespace Crdt.Integration.Docs;

public sealed class ReadmeTests
{
    [Fact]
    public void The_sample_in_the_readme_is_the_one_that_compiles()
    {
        string readme = RepositoryRoot.Read("README.md");
        string sample = RepositoryRoot.Read("samples", "ReadmeSample", "Program.cs");
        Assert.Contains($"```csharp\n{sample}```", readme, StringComparison.Ordinal);
    }
}
