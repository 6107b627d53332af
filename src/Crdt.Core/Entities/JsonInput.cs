using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Crdt;

/// <summary>JSON text to values, by the rules of semantics 14: nothing is rounded, repeated or cut silently.</summary>
internal static class JsonInput
{
    // Strict RFC 8259: no comments, no trailing commas. The depth is checked here too, to give our own error.
    private static readonly JsonReaderOptions Options = new() { MaxDepth = FormatLimits.DepthMax + 1 };

    public static Value Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            return Parse(Utf8Name.Strict.GetBytes(json));
        }
        catch (EncoderFallbackException e)
        {
            throw new JsonInputException($"The text has a lone surrogate at position {e.Index}.", inner: e);
        }
    }

    public static Value Parse(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8, Options);
        try
        {
            reader.Read();
            Value value = ReadValue(ref reader, "", 0);
            if (reader.Read()) throw new JsonInputException("There is more after the end of the JSON text.");
            return value;
        }
        catch (JsonException e)
        {
            throw new JsonInputException(
                $"Not JSON: line {(e.LineNumber ?? 0) + 1}, byte {(e.BytePositionInLine ?? 0) + 1}: {e.Message}", inner: e);
        }
        catch (InvalidOperationException e)
        {
            // Thrown by GetString for text that is not well-formed UTF-8 or UTF-16 after unescaping.
            throw new JsonInputException($"A text is not well-formed Unicode: {e.Message}", inner: e);
        }
    }

    private static Value ReadValue(ref Utf8JsonReader reader, string path, int depth)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null: return Value.Null;
            case JsonTokenType.True: return Value.True;
            case JsonTokenType.False: return Value.False;
            case JsonTokenType.String: return Value.From(reader.GetString());
            case JsonTokenType.Number: return ReadNumber(Encoding.UTF8.GetString(reader.ValueSpan), path);
            case JsonTokenType.StartArray: return ReadArray(ref reader, path, depth + 1);
            default: return ReadObject(ref reader, path, depth + 1);
        }
    }

    private static Value ReadArray(ref Utf8JsonReader reader, string path, int depth)
    {
        CheckDepth(path, depth);
        var items = new List<Value>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            items.Add(ReadValue(ref reader, $"{path}/{items.Count}", depth));
        return Value.FromTrusted(items.ToArray());
    }

    private static Value ReadObject(ref Utf8JsonReader reader, string path, int depth)
    {
        CheckDepth(path, depth);
        var members = new SortedDictionary<string, Value>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string name = reader.GetString()!;
            string memberPath = $"{path}/{Escape(name)}";
            reader.Read();
            if (!members.TryAdd(name, ReadValue(ref reader, memberPath, depth)))
                throw new JsonInputException("The member occurs twice.", memberPath);
        }
        return members.Count == 1 && members.TryGetValue(BlobJson.Marker, out Value described)
            ? BlobJson.Read(described, path) : Value.FromTrusted(members.ToArray());
    }

    private static void CheckDepth(string path, int depth)
    {
        if (depth > FormatLimits.DepthMax)
            throw new JsonInputException($"More than {FormatLimits.DepthMax} levels of nesting.", path);
    }

    private static Value ReadNumber(string text, string path)
    {
        bool integerSyntax = text.AsSpan().IndexOfAny('.', 'e', 'E') < 0;
        if (integerSyntax && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long integer))
            return Value.From(integer);
        double number = double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        if (!double.IsFinite(number))
            throw new JsonInputException($"The number {Shorten(text)} is beyond the range of a double.", path);
        string shortest = number.ToString("R", CultureInfo.InvariantCulture);
        if (DecimalDigits.Of(shortest) != DecimalDigits.Of(text))
        {
            throw new JsonInputException(
                $"The number {Shorten(text)} is neither a 64-bit integer nor a double: it would become {shortest}.", path);
        }
        return Value.From(number);
    }

    private static string Shorten(string text) => text.Length <= 40 ? text : $"{text[..37]}...";

    private static string Escape(string name) =>
        name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    /// <summary>A decimal number in one normal form: sign, digits without zeros at either end, exponent.</summary>
    private readonly record struct DecimalDigits(bool Negative, string Digits, long Exponent)
    {
        public static DecimalDigits Of(string text)
        {
            ReadOnlySpan<char> rest = text;
            bool negative = rest[0] == '-';
            if (negative) rest = rest[1..];
            int e = rest.IndexOfAny('e', 'E');
            // Beyond int.MaxValue digits of exponent the number is 0 or infinite, and was refused before.
            long exponent = e < 0 ? 0 : ParseExponent(rest[(e + 1)..]);
            ReadOnlySpan<char> mantissa = e < 0 ? rest : rest[..e];
            int point = mantissa.IndexOf('.');
            string digits = point < 0 ? mantissa.ToString() : string.Concat(mantissa[..point], mantissa[(point + 1)..]);
            if (point >= 0) exponent -= mantissa.Length - point - 1;
            string trimmed = digits.TrimEnd('0');
            exponent += digits.Length - trimmed.Length;
            trimmed = trimmed.TrimStart('0');
            return trimmed.Length == 0 ? new DecimalDigits(negative, "", 0) : new DecimalDigits(negative, trimmed, exponent);
        }

        private static long ParseExponent(ReadOnlySpan<char> text) =>
            long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
                ? Math.Clamp(value, -int.MaxValue, int.MaxValue)
                : text[0] == '-' ? -int.MaxValue : int.MaxValue;
    }
}
