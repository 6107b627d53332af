using Crdt.Integration.Docs;
using GraphQL;
using GraphQL.Types;
using GraphQL.Utilities;
using Microsoft.Extensions.DependencyInjection;

namespace Crdt.Server.Tests;

public sealed class SchemaTests : ServerTest
{
    [Fact]
    public void The_schema_is_the_one_in_the_file()
    {
        ISchema schema = App.Services.GetRequiredService<ISchema>();
        schema.Initialize();
        string printed = schema.Print(new PrintOptions { IncludeDescriptions = true, StringComparison = StringComparison.Ordinal }).ReplaceLineEndings("\n").TrimEnd() + "\n";
        string file = Path.Combine(RepositoryRoot.Path, "src", "Crdt.Server", "schema.graphql");
        if (Environment.GetEnvironmentVariable("CRDT_WRITE_SCHEMA") is { Length: > 0 }) File.WriteAllText(file, printed);
        Assert.Equal(File.ReadAllText(file), printed);
    }
}
