using GraphQL.Conversion;
using GraphQL.Types;

namespace Crdt.Server.GraphQL;

/// <summary>Names of the schema: what can be asked for and how in camelCase, as GraphQL has it; members of records in snake_case, as the
/// documents and databases have them.</summary>
internal sealed class Naming : INameConverter
{
    public string NameForField(string fieldName, IComplexGraphType parentGraphType) => parentGraphType.Name is "Query" or "Mutation" or "Subscription" or "PageInfo"
        || parentGraphType.Name.EndsWith("Connection", StringComparison.Ordinal) || parentGraphType.Name.EndsWith("Edge", StringComparison.Ordinal)
            ? Camel(fieldName) : Snake(fieldName);

    public string NameForArgument(string argumentName, IComplexGraphType parentGraphType, FieldType field) => Camel(argumentName);

    private static string Camel(string name) => char.ToLowerInvariant(name[0]) + name[1..];

    private static string Snake(string name) => string.Concat(
        name.Select((c, i) => i > 0 && char.IsUpper(c) ? $"_{char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}"));
}
