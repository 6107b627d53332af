using System.Globalization;
using System.Text;

namespace Crdt;

/// <summary>Reads conditions as they are written down: by recursive descent, in bounded depth.</summary>
internal ref struct FilterParser(string text, IReadOnlyList<Value> values)
{
    // More brackets than anybody writes, and less than the stack holds.
    private const int DepthMax = 100;
    private const int LengthMax = 100_000;

    private readonly ReadOnlySpan<char> text = text.AsSpan();
    private int at;
    private int depth;

    /// <summary>Whether a name can stand in a condition as it is.</summary>
    public static bool IsPlainName(string name)
    {
        if (name.Length == 0 || !(char.IsAsciiLetter(name[0]) || name[0] == '_')) return false;
        foreach (char c in name)
        {
            if (!IsNamePart(c)) return false;
        }
        return !IsKeyword(name);
    }

    public EntityFilter Parse()
    {
        if (text.Length > LengthMax) throw Fail($"It is longer than {LengthMax} letters.");
        EntityFilter filter = ReadAny();
        SkipSpace();
        return at == text.Length ? filter : throw Fail("AND, OR or the end is expected.");
    }

    private EntityFilter ReadAny()
    {
        EntityFilter first = ReadAll();
        if (!TryKeyword("OR")) return first;
        var parts = new List<EntityFilter> { first };
        do parts.Add(ReadAll());
        while (TryKeyword("OR"));
        return new AnyFilter(parts);
    }

    private EntityFilter ReadAll()
    {
        EntityFilter first = ReadOne();
        if (!TryKeyword("AND")) return first;
        var parts = new List<EntityFilter> { first };
        do parts.Add(ReadOne());
        while (TryKeyword("AND"));
        return new AllFilter(parts);
    }

    private EntityFilter ReadOne()
    {
        if (++depth > DepthMax) throw Fail($"It is nested deeper than {DepthMax} levels.");
        EntityFilter read;
        if (TryKeyword("NOT")) read = new NotFilter(ReadOne());
        else if (TrySign("("))
        {
            read = ReadAny();
            Expect(")");
        }
        else read = ReadComparison();
        depth--;
        return read;
    }

    private EntityFilter ReadComparison()
    {
        FieldPath field = ReadField();
        bool isNegated = TryKeyword("NOT");
        EntityFilter? read = null;
        if (TryKeyword("BETWEEN")) read = ReadBetween(field);
        else if (TryKeyword("IN")) read = ReadIn(field);
        else if (TryKeyword("LIKE")) read = ReadLike(field);
        if (read is not null) return isNegated ? new NotFilter(read) : read;
        if (isNegated) throw Fail("BETWEEN, IN or LIKE is expected.");
        if (TryKeyword("IS"))
        {
            ComparisonOperator comparison = TryKeyword("NOT") ? ComparisonOperator.NotEqual : ComparisonOperator.Equal;
            return TryKeyword("NULL") ? new FieldComparison(field, comparison, Value.Null) : throw Fail("NULL is expected.");
        }
        ComparisonOperator sign = TrySign("!=") || TrySign("<>") ? ComparisonOperator.NotEqual
            : TrySign("<=") ? ComparisonOperator.LessOrEqual
            : TrySign(">=") ? ComparisonOperator.GreaterOrEqual
            : TrySign("<") ? ComparisonOperator.Less
            : TrySign(">") ? ComparisonOperator.Greater
            : TrySign("=") ? ComparisonOperator.Equal
            : throw Fail("A comparison is expected: =, !=, <, <=, >, >=, BETWEEN, IN, LIKE or IS.");
        return new FieldComparison(field, sign, ReadValue());
    }

    private AllFilter ReadBetween(FieldPath field)
    {
        var low = new FieldComparison(field, ComparisonOperator.GreaterOrEqual, ReadValue());
        if (!TryKeyword("AND")) throw Fail("AND is expected.");
        return new AllFilter([low, new FieldComparison(field, ComparisonOperator.LessOrEqual, ReadValue())]);
    }

    private AnyFilter ReadIn(FieldPath field)
    {
        string end = TrySign("[") ? "]" : TrySign("(") ? ")" : throw Fail("( is expected.");
        var parts = new List<EntityFilter>();
        if (TrySign(end)) return new AnyFilter(parts);
        do parts.Add(new FieldComparison(field, ComparisonOperator.Equal, ReadValue()));
        while (TrySign(","));
        Expect(end);
        return new AnyFilter(parts);
    }

    private FieldComparison ReadLike(FieldPath field)
    {
        Value pattern = ReadValue();
        return pattern.Kind == ValueKind.String
            ? new FieldComparison(field, ComparisonOperator.Like, pattern)
            : throw Fail("Text is expected before this: a pattern.");
    }

    private FieldPath ReadField()
    {
        SkipSpace();
        int start = at;
        bool isRooted = at < text.Length && text[at] == '$';
        if (isRooted)
        {
            at++;
            if (at == text.Length || text[at] is not ('.' or '[')) throw Fail("A field is expected, as in $.status.");
        }
        var names = new List<string>();
        do
        {
            if (isRooted || names.Count > 0) TrySign(".");
            names.Add(ReadName());
        }
        while (at < text.Length && text[at] is '.' or '[' && !StartsWith("[*]"));
        // As LiteDB asks for items of an array: = does that by itself.
        if (StartsWith("[*]")) at += 3;
        TryKeyword("ANY");
        try
        {
            return FieldPath.Of([.. names]);
        }
        catch (ArgumentException e)
        {
            at = start;
            throw Fail(e.Message);
        }
    }

    private string ReadName()
    {
        SkipSpace();
        if (at < text.Length && text[at] == '[')
        {
            at++;
            SkipSpace();
            if (at == text.Length || text[at] is not ('\'' or '"')) throw Fail("A name in quotes is expected.");
            string quoted = ReadText();
            Expect("]");
            return quoted;
        }
        int start = at;
        while (at < text.Length && IsNamePart(text[at])) at++;
        string name = text[start..at].ToString();
        if (name.Length > 0 && !char.IsAsciiDigit(name[0]) && !IsKeyword(name)) return name;
        at = start;
        throw Fail("A field is expected.");
    }

    private Value ReadValue()
    {
        SkipSpace();
        if (at == text.Length) throw Fail("A value is expected.");
        char first = text[at];
        if (first is '\'' or '"') return ReadText();
        if (first == '@') return ReadGiven();
        if (char.IsAsciiDigit(first) || first is '-' or '+') return ReadNumber();
        return TryKeyword("TRUE") ? Value.True : TryKeyword("FALSE") ? Value.False : TryKeyword("NULL") ? Value.Null
            : throw Fail("A value is expected: a number, text in quotes, true, false, null, or @0.");
    }

    private Value ReadGiven()
    {
        int start = at++;
        while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
        if (int.TryParse(text[(start + 1)..at], NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < values.Count)
            return values[number];
        at = start;
        throw Fail(values.Count == 0 ? "No values were given beside the text." : $"@0 to @{values.Count - 1} were given beside the text.");
    }

    private Value ReadNumber()
    {
        int start = at++;
        while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] == '.'
            || (text[at] is '+' or '-' && text[at - 1] is 'e' or 'E'))) at++;
        ReadOnlySpan<char> number = text[start..at];
        if (long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole)) return whole;
        if (double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) && double.IsFinite(real)) return real;
        at = start;
        throw Fail("That is no number.");
    }

    private string ReadText()
    {
        int start = at;
        char quote = text[at++];
        var read = new StringBuilder();
        while (at < text.Length && text[at] != quote)
        {
            if (text[at] == '\\' && at + 1 < text.Length) at++;
            read.Append(text[at++]);
        }
        if (at == text.Length)
        {
            at = start;
            throw Fail("The quotes are not closed.");
        }
        at++;
        string result = read.ToString();
        try
        {
            _ = Value.From(result);
            return result;
        }
        catch (ArgumentException e)
        {
            at = start;
            throw Fail(e.Message);
        }
    }

    private static bool IsNamePart(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';

    private static bool IsKeyword(string name) => name.ToUpperInvariant() is
        "AND" or "OR" or "NOT" or "BETWEEN" or "IN" or "LIKE" or "IS" or "NULL" or "TRUE" or "FALSE" or "ANY";

    private bool StartsWith(string sign) => text[at..].StartsWith(sign, StringComparison.Ordinal);

    private bool TryKeyword(string keyword)
    {
        SkipSpace();
        if (!text[at..].StartsWith(keyword, StringComparison.OrdinalIgnoreCase)) return false;
        int end = at + keyword.Length;
        if (end < text.Length && IsNamePart(text[end])) return false;
        at = end;
        return true;
    }

    private bool TrySign(string sign)
    {
        SkipSpace();
        if (!StartsWith(sign)) return false;
        at += sign.Length;
        return true;
    }

    private void Expect(string sign)
    {
        if (!TrySign(sign)) throw Fail($"{sign} is expected.");
    }

    private void SkipSpace()
    {
        while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
    }

    private readonly FormatException Fail(string problem) =>
        new($"The condition cannot be read from letter {at + 1} on ({(at < text.Length ? $"'{text[at..Math.Min(text.Length, at + 20)]}'" : "its end")}): {problem}");
}
