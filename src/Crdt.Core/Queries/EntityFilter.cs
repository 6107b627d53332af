namespace Crdt;

/// <summary>A condition on the visible fields of an entity: a tree of comparisons. Immutable. Means the same in every store,
/// which may use it to find entities by an index.</summary>
/// <remarks>
/// <para>As text it is written like a condition of LiteDB, of which it is a part: <c>status = 'open' AND (priority &gt;= 3 OR
/// address.city LIKE 'Os%')</c>. A field may be written <c>$.status</c>, a name with other letters <c>$.['first name']</c>.
/// There are <c>= != &lt; &lt;= &gt; &gt;=</c>, <c>BETWEEN a AND b</c> (both inclusive), <c>IN (a, b)</c>, <c>LIKE</c>,
/// <c>IS NULL</c>, <c>AND</c>, <c>OR</c>, <c>NOT</c> and brackets. Values are numbers, text in single or double quotes,
/// <c>true</c>, <c>false</c>, <c>null</c>, and <c>@0</c>, <c>@1</c>, ... for those given beside the text.</para>
/// <para>Values of different kinds are neither equal nor one before the other, except that integers and doubles compare as
/// numbers, and an instant compares with text that is a date or time of RFC 3339, or its first part. Text compares by UTF-16
/// units. Unlike in LiteDB, an absent field is not less than anything.</para>
/// </remarks>
public abstract class EntityFilter
{
    private protected EntityFilter()
    {
    }

    /// <summary>Whether an entity fulfils it.</summary>
    public abstract bool Holds(Entity entity);

    /// <summary>Reads a condition.</summary>
    /// <param name="text">The condition.</param>
    /// <param name="values">What <c>@0</c>, <c>@1</c>, ... stand for.</param>
    /// <exception cref="FormatException">It is none; the message says where.</exception>
    public static EntityFilter Parse(string text, params IReadOnlyList<Value> values)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(values);
        return new FilterParser(text, values).Parse();
    }

    /// <summary>A comparison of one field.</summary>
    /// <param name="field">The field, or a member of it.</param>
    /// <param name="comparison">How.</param>
    /// <param name="value">With what; text for <see cref="ComparisonOperator.Like"/>.</param>
    public static EntityFilter Compare(FieldPath field, ComparisonOperator comparison, Value value) =>
        new FieldComparison(field, comparison, value);

    /// <summary>Both must hold.</summary>
    public EntityFilter And(EntityFilter other) => new AllFilter([this, other]);

    /// <summary>One must hold.</summary>
    public EntityFilter Or(EntityFilter other) => new AnyFilter([this, other]);

    /// <summary>This must not hold.</summary>
    public EntityFilter Negate() => new NotFilter(this);
}
