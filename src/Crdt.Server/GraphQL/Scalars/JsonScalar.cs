using System.Collections;
using System.Globalization;
using System.Numerics;
using GraphQL.Types;
using GraphQLParser.AST;

namespace Crdt.Server.GraphQL.Scalars;

/// <summary>The scalar <c>JSON</c>: what entities hold.</summary>
internal sealed class JsonScalar : ScalarGraphType
{
    private const string BlobMarker = "$blob";

    public JsonScalar()
    {
        Name = "JSON";
        Description = "Any JSON value. Whole numbers are kept in 64 bits, others as doubles: what neither can hold exactly is refused. "
            + "Instants are told as text in RFC 3339, bytes as text in base 64, attachments as {\"$blob\": {...}}, which is also how they are written.";
    }

    public override object? ParseLiteral(GraphQLValue value) => (object?)Try(() => OfLiteral(value)) ?? ThrowLiteralConversionError(value);

    public override bool CanParseLiteral(GraphQLValue value) => Try(() => OfLiteral(value)) is not null;

    public override object? ParseValue(object? value) => (object?)Try(() => OfObject(value)) ?? ThrowValueConversionError(value);

    public override bool CanParseValue(object? value) => Try(() => OfObject(value)) is not null;

    public override object? Serialize(object? value) => value switch
    {
        null => null,
        Value => value,
        _ => ThrowSerializationError(value),
    };

    /// <summary>What a deserializer made of JSON, as a value.</summary>
    internal static Value OfObject(object? value) => value switch
    {
        null => Value.Null,
        Value done => done,
        bool truth => truth,
        string text => text,
        int number => number,
        long number => number,
        double number => number,
        decimal number => OfNumber(number.ToString(CultureInfo.InvariantCulture)),
        BigInteger number => OfNumber(number.ToString(CultureInfo.InvariantCulture)),
        IReadOnlyDictionary<string, object?> map => OfMembers(map.Select(m => KeyValuePair.Create(m.Key, OfObject(m.Value)))),
        IDictionary<string, object?> map => OfMembers(map.Select(m => KeyValuePair.Create(m.Key, OfObject(m.Value)))),
        IEnumerable list => Value.ArrayOf(list.Cast<object?>().Select(OfObject)),
        _ => throw new FormatException($"A {value.GetType().Name} is no JSON."),
    };

    private static Value OfLiteral(GraphQLValue value) => value switch
    {
        GraphQLNullValue => Value.Null,
        GraphQLTrueBooleanValue => Value.True,
        GraphQLFalseBooleanValue => Value.False,
        GraphQLStringValue text => text.Value.ToString(),
        GraphQLIntValue number => OfNumber(number.Value.ToString()),
        GraphQLFloatValue number => OfNumber(number.Value.ToString()),
        GraphQLListValue list => Value.ArrayOf((list.Values ?? []).Select(OfLiteral)),
        GraphQLObjectValue map => OfMembers((map.Fields ?? []).Select(f => KeyValuePair.Create(f.Name.StringValue, OfLiteral(f.Value)))),
        _ => throw new FormatException("This is no JSON."),
    };

    private static Value OfMembers(IEnumerable<KeyValuePair<string, Value>> members)
    {
        Value map = Value.ObjectOf(members);
        return map.AsObject() is [{ Key: BlobMarker }] ? Value.ParseJson(map.ToJson()) : map;
    }

    // By the rules of the documents themselves.
    private static Value OfNumber(string text) => Value.ParseJson(text);

    private static Value? Try(Func<Value> parse)
    {
        try
        {
            return parse();
        }
        catch (Exception e) when (e is FormatException or ArgumentException or OverflowException)
        {
            return null;
        }
    }
}
