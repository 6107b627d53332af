namespace Crdt.Cli.Arguments;

/// <summary>One condition of a query: a field, how it is compared, and with what.</summary>
/// <remarks>Numbers compare as numbers, whether integer or double; text compares ordinally. A number in the condition
/// meets text in the entity as text, so that <c>date&gt;1995</c> works on 1995-01-08. A set or array equals what one
/// of its items equals. An absent field fulfils only <c>!=</c>.</remarks>
internal sealed record FieldCondition(FieldPath Field, string Operator, string Text, Value Value)
{
    private static readonly string[] Operators = ["!=", ">=", "<=", "=", ">", "<", "~"];

    /// <summary>Reads <c>FIELD=VALUE</c>, also with <c>!=</c>, <c>&gt;</c>, <c>&gt;=</c>, <c>&lt;</c>, <c>&lt;=</c>,
    /// and <c>~</c> for "contains, whatever the case".</summary>
    public static FieldCondition Parse(string text)
    {
        int at = text.AsSpan().IndexOfAny("=<>~!");
        string? found = at < 1 ? null : Operators.FirstOrDefault(o => text.AsSpan(at).StartsWith(o));
        if (found is null)
        {
            throw CliException.Usage($"'{text}' is not a condition.",
                "FIELD=VALUE is one, and with !=, >, >=, <, <= or ~ (contains) instead of =. Quote it for the shell.");
        }
        string wanted = text[(at + found.Length)..];
        return new FieldCondition(
            FieldArguments.Path(text[..at]), found, wanted, FieldArguments.Value(wanted, text[..at]));
    }

    public bool Holds(Entity entity) => entity[Field] is { } held ? Holds(held) : Operator == "!=";

    private bool Holds(Value held) => Operator switch
    {
        "=" => IsEqual(held),
        "!=" => !IsEqual(held),
        "~" => held.ToString().Contains(Text, StringComparison.OrdinalIgnoreCase),
        _ => Compare(held) is { } order && Operator switch
        {
            ">" => order > 0,
            ">=" => order >= 0,
            "<" => order < 0,
            _ => order <= 0,
        },
    };

    private bool IsEqual(Value held) => held == Value || Compare(held) == 0
        || (held.Kind == ValueKind.Array && held.AsArray().Any(IsEqual));

    private int? Compare(Value held)
    {
        if (held.Kind == ValueKind.String) return string.CompareOrdinal(held.AsString(), Literal);
        if (held.Kind == ValueKind.Timestamp)
            return string.CompareOrdinal(held.ToString(), Literal);
        if (held.Kind == ValueKind.Integer && Value.Kind == ValueKind.Integer)
            return held.AsInteger().CompareTo(Value.AsInteger());
        return IsNumber(held) && IsNumber(Value) ? held.AsDouble().CompareTo(Value.AsDouble()) : null;
    }

    private string Literal => Value.Kind == ValueKind.String ? Value.AsString() : Text;

    private static bool IsNumber(Value value) => value.Kind is ValueKind.Integer or ValueKind.Double;
}
