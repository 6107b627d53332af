using Crdt.Transport;

namespace Crdt.Integration.Docs;

public sealed class ErrorTableTests
{
    [Fact]
    [Trait("Spec", "WF-6.8")]
    public void Every_code_of_an_ended_connection_is_in_the_table()
    {
        string table = RepositoryRoot.Read("docs", "wire-format.md");
        foreach (WireError error in Enum.GetValues<WireError>().Where(e => e != WireError.None))
            Assert.Contains($"| {(int)error} | {error} |", table, StringComparison.Ordinal);
    }
}
