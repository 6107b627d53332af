using GraphQL.Types;
using GraphQLParser.AST;

namespace Crdt.Server.GraphQL.Scalars;

/// <summary>The scalar <c>UUID</c>.</summary>
internal sealed class UuidScalar : ScalarGraphType
{
    public UuidScalar()
    {
        Name = "UUID";
        Description = "A random UUID, version 4 of RFC 9562, in 36 characters: 123e4567-e89b-42d3-a456-426614174000.";
    }

    public override object? ParseLiteral(GraphQLValue value) => value switch
    {
        GraphQLStringValue text => (object?)Parse(text.Value.ToString()) ?? ThrowLiteralConversionError(value),
        GraphQLNullValue => null,
        _ => ThrowLiteralConversionError(value),
    };

    public override object? ParseValue(object? value) => value switch
    {
        null => null,
        string text => (object?)Parse(text) ?? ThrowValueConversionError(value),
        Guid guid => guid,
        _ => ThrowValueConversionError(value),
    };

    public override object? Serialize(object? value) => value switch
    {
        null => null,
        Guid guid => guid.ToString("D"),
        _ => ThrowSerializationError(value),
    };

    private static Guid? Parse(string text) =>
        Guid.TryParseExact(text, "D", out Guid guid) && guid.Version == 4 && (guid.Variant & 0xC) == 0x8 ? guid : null;
}
