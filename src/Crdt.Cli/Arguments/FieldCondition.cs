namespace Crdt.Cli.Arguments;

/// <summary>One condition of a query: a field, how it is compared, and with what.</summary>
/// <remarks>Numbers compare as numbers, whether integer or double; text compares ordinally. A number in the condition
/// meets text in the entity as text, so that <c>date&gt;1995</c> works on 1995-01-08. A set or array equals what one
/// of its items equals. An absent field fulfils only <c>!=</c>.</remarks>
internal sealed record FieldCondition(FieldPath Field, string Operator, string Text, Value Value)
{
    private static readonly string[] Operators = ["!=", ">=", "<=", "=", ">", "<", "~"];

    /// <summary>The condition as stores know it; null for <c>~</c>, which only <see cref="Holds"/> knows.</summary>
    public EntityFilter? Filter => Operator switch
    {
        "=" => Compare(ComparisonOperator.Equal),
        "!=" => Compare(ComparisonOperator.Equal).Negate(),
        ">" => Compare(ComparisonOperator.Greater),
        ">=" => Compare(ComparisonOperator.GreaterOrEqual),
        "<" => Compare(ComparisonOperator.Less),
        "<=" => Compare(ComparisonOperator.LessOrEqual),
        _ => null,
    };

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

    /// <summary>Whether an entity that is known to fulfil <see cref="Filter"/> fulfils the condition.</summary>
    public bool Holds(Entity entity) => Filter is not null
        || entity[Field]?.ToString().Contains(Text, StringComparison.OrdinalIgnoreCase) == true;

    private EntityFilter Compare(ComparisonOperator comparison)
    {
        EntityFilter asRead = EntityFilter.Compare(Field, comparison, Value);
        return Value.Kind == ValueKind.String ? asRead : asRead.Or(EntityFilter.Compare(Field, comparison, Text));
    }
}
