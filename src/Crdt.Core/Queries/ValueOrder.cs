using System.Globalization;

namespace Crdt;

/// <summary>How queries compare values, and how they sort them.</summary>
internal static class ValueOrder
{
    private const double LongBound = 9_223_372_036_854_775_808.0;

    private static readonly string[] InstantFormats =
    [
        "yyyy", "yyyy-MM", "yyyy-MM-dd", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK",
    ];

    /// <summary>Whether a field holds what a condition asks for.</summary>
    public static bool AreEqual(Value held, Value wanted)
    {
        if (held.Kind == ValueKind.Array)
        {
            foreach (Value item in held.AsArray())
            {
                if (AreEqual(item, wanted)) return true;
            }
        }
        return held == wanted || Compare(held, wanted) == 0;
    }

    /// <summary>Which of both comes first; <see langword="null"/> where neither does.</summary>
    public static int? Compare(Value held, Value wanted)
    {
        if (IsNumber(held) && IsNumber(wanted)) return CompareNumbers(held, wanted);
        if (held.Kind == ValueKind.Timestamp && wanted.Kind == ValueKind.String)
            return TryReadInstant(wanted.AsString(), out DateTimeOffset instant) ? held.AsTimestamp().CompareTo(instant) : null;
        if (held.Kind != wanted.Kind) return null;
        return held.Kind switch
        {
            ValueKind.String => string.CompareOrdinal(held.AsString(), wanted.AsString()),
            ValueKind.Timestamp => held.AsTimestamp().CompareTo(wanted.AsTimestamp()),
            ValueKind.Boolean => held.AsBoolean().CompareTo(wanted.AsBoolean()),
            ValueKind.Bytes => held.AsBytes().Span.SequenceCompareTo(wanted.AsBytes().Span),
            _ => null,
        };
    }

    /// <summary>Where values of a kind stand when entities are sorted; of one rank are those that compare.</summary>
    public static int RankOf(ValueKind kind) => kind switch
    {
        ValueKind.Null => 1,
        ValueKind.Boolean => 2,
        ValueKind.Integer or ValueKind.Double => 3,
        ValueKind.Timestamp => 4,
        ValueKind.String => 5,
        ValueKind.Bytes => 6,
        ValueKind.Array => 7,
        _ => 8,
    };

    /// <summary>The order in which entities are sorted: absent and null first, then by kind. Arrays and objects stand side by
    /// side, and so do long byte strings.</summary>
    public static int Sort(Value left, Value right)
    {
        int ranks = RankOf(left.Kind).CompareTo(RankOf(right.Kind));
        return ranks != 0 || left.Kind == ValueKind.Bytes ? ranks : Compare(left, right) ?? 0;
    }

    /// <summary>Reads a date or time of RFC 3339, or the first part of one: the instant at which that begins, in UTC where it
    /// does not say.</summary>
    public static bool TryReadInstant(string text, out DateTimeOffset instant)
    {
        instant = default;
        return text.Length is >= 4 and <= 40 && char.IsAsciiDigit(text[0])
            && DateTimeOffset.TryParseExact(text, InstantFormats, CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out instant);
    }

    private static bool IsNumber(Value value) => value.Kind is ValueKind.Integer or ValueKind.Double;

    private static int CompareNumbers(Value left, Value right) => (left.Kind, right.Kind) switch
    {
        (ValueKind.Integer, ValueKind.Integer) => left.AsInteger().CompareTo(right.AsInteger()),
        (ValueKind.Integer, _) => CompareExactly(left.AsInteger(), right.AsDouble()),
        (_, ValueKind.Integer) => -CompareExactly(right.AsInteger(), left.AsDouble()),
        _ => left.AsDouble() < right.AsDouble() ? -1 : left.AsDouble() > right.AsDouble() ? 1 : 0,
    };

    // Not by way of doubles, which know no more than 53 bits of an integer.
    private static int CompareExactly(long left, double right)
    {
        if (right >= LongBound) return -1;
        if (right < -LongBound) return 1;
        double whole = Math.Truncate(right);
        int order = left.CompareTo((long)whole);
        return order != 0 ? order : whole.CompareTo(right);
    }
}
