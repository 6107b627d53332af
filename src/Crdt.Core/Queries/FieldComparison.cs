namespace Crdt;

/// <summary>A field compared with a value.</summary>
public sealed class FieldComparison : EntityFilter
{
    internal FieldComparison(FieldPath field, ComparisonOperator comparison, Value value)
    {
        ArgumentNullException.ThrowIfNull(field);
        if (!Enum.IsDefined(comparison)) throw new ArgumentOutOfRangeException(nameof(comparison), comparison, "There is no such comparison.");
        if (comparison == ComparisonOperator.Like && value.Kind != ValueKind.String)
            throw new ArgumentException("A pattern is text.", nameof(value));
        (Field, Operator, Value) = (field, comparison, value);
    }

    /// <summary>The field.</summary>
    public FieldPath Field { get; }

    /// <summary>How it is compared.</summary>
    public ComparisonOperator Operator { get; }

    /// <summary>With what.</summary>
    public Value Value { get; }

    /// <summary>What every text begins with that is of the pattern; <see langword="null"/> where there is none.</summary>
    public string? Prefix => Operator == ComparisonOperator.Like ? LikePattern.PrefixOf(Value.AsString()) : null;

    /// <summary>The instant that instants are compared with; <see langword="null"/> when the value is none, and is not text of
    /// one either.</summary>
    public DateTimeOffset? Instant => Value.Kind switch
    {
        ValueKind.Timestamp => Value.AsTimestamp(),
        ValueKind.String when ValueOrder.TryReadInstant(Value.AsString(), out DateTimeOffset instant) => instant,
        _ => null,
    };

    /// <inheritdoc/>
    public override bool Holds(Entity entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        Value held = Read(entity, Field);
        return Operator switch
        {
            ComparisonOperator.Equal => ValueOrder.AreEqual(held, Value),
            ComparisonOperator.NotEqual => !ValueOrder.AreEqual(held, Value),
            ComparisonOperator.Like => held.Kind == ValueKind.String && LikePattern.Matches(held.AsString(), Value.AsString()),
            _ => ValueOrder.Compare(held, Value) is { } order && Operator switch
            {
                ComparisonOperator.Less => order < 0,
                ComparisonOperator.LessOrEqual => order <= 0,
                ComparisonOperator.Greater => order > 0,
                _ => order >= 0,
            },
        };
    }

    /// <summary>As <see cref="EntityFilter.Parse"/> reads it, except for bytes, instants, arrays and objects.</summary>
    public override string ToString()
    {
        string path = "$." + string.Join('.', Field.Segments.Select(s =>
            FilterParser.IsPlainName(s.Name) ? s.Name : $"['{Quoted(s.Name)}']"));
        string sign = Operator switch
        {
            ComparisonOperator.Equal => "=",
            ComparisonOperator.NotEqual => "!=",
            ComparisonOperator.Less => "<",
            ComparisonOperator.LessOrEqual => "<=",
            ComparisonOperator.Greater => ">",
            ComparisonOperator.GreaterOrEqual => ">=",
            _ => "LIKE",
        };
        return $"{path} {sign} {(Value.Kind == ValueKind.String ? $"'{Quoted(Value.AsString())}'" : Value.ToString())}";
    }

    /// <summary>What a field shows: also a member of an object that was written as one value. Null where there is none.</summary>
    internal static Value Read(Entity entity, FieldPath field)
    {
        if (field.IsRoot) return Value.Null;
        IReadOnlyList<PathSegment> segments = field.Segments;
        if (segments.Count == 1) return entity[field] ?? Value.Null;
        Value value = entity[FieldPath.Field(segments[0].Name)] ?? Value.Null;
        for (int i = 1; i < segments.Count; i++)
        {
            if (!value.TryGetMember(segments[i].Name, out value)) return Value.Null;
        }
        return value;
    }

    private static string Quoted(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal);
}
