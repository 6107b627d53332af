using Crdt.Integration.Docs;
using Crdt.Server.GraphQL;

namespace Crdt.Server.Tests;

public sealed class DocsTests
{
    [Fact]
    public void Every_error_code_is_in_the_table()
    {
        string table = RepositoryRoot.Read("docs", "graphql.md");
        foreach (ApiErrorCode code in Enum.GetValues<ApiErrorCode>()) Assert.Contains($"| `{ApiError.NameOf(code)}` |", table, StringComparison.Ordinal);
    }
}
