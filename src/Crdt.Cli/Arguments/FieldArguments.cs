using System.Globalization;
using System.Text.Json;

namespace Crdt.Cli.Arguments;

/// <summary>How fields and values are written on a command line.</summary>
internal static class FieldArguments
{
    /// <summary>The rule for values, as help texts state it.</summary>
    public const string ValueRule =
        "VALUE is JSON if it is JSON, else text: 5 is a number, \"5\" (with its quotes) and 007 are text.";

    /// <summary>Reads a field, with <c>/</c> between the names of nested ones.</summary>
    public static FieldPath Path(string text)
    {
        try
        {
            return FieldPath.Parse(text);
        }
        catch (FormatException e)
        {
            throw CliException.Usage(e.Message, inner: e);
        }
    }

    /// <summary>Reads <c>FIELD=VALUE</c>.</summary>
    public static (FieldPath Field, Value Value) Assignment(string text)
    {
        (string field, string? value) = Split(text);
        return value is null
            ? throw CliException.Usage($"'{text}' is not FIELD=VALUE.", "For instance: species=\"Red kite\" count=3")
            : (Path(field), Value(value, field));
    }

    /// <summary>Reads <c>SET=ELEMENT</c>.</summary>
    public static (FieldPath Set, string Element) Membership(string text)
    {
        (string set, string? element) = Split(text);
        return string.IsNullOrEmpty(element)
            ? throw CliException.Usage($"'{text}' is not SET=ELEMENT.", "For instance: --add tags=night")
            : (Path(set), element);
    }

    /// <summary>Reads <c>FIELD</c> or <c>FIELD=NUMBER</c>.</summary>
    public static (FieldPath Counter, long By) Increment(string text)
    {
        (string field, string? number) = Split(text);
        if (number is null) return (Path(field), 1);
        return long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long by)
            ? (Path(field), by)
            : throw CliException.Usage($"'{number}' in '{text}' is not a 64-bit integer.");
    }

    /// <summary>Reads a value: JSON if it is JSON, else text.</summary>
    public static Value Value(string text, string field)
    {
        try
        {
            return Crdt.Value.ParseJson(text);
        }
        catch (JsonInputException e) when (e.InnerException is JsonException)
        {
            return Crdt.Value.From(text);
        }
        catch (JsonInputException e)
        {
            // JSON it is, and yet no value: to take it as text would hide that from the writer.
            throw CliException.Usage(
                $"The value of '{field}': {e.Message}", "If it is meant as text, put it in double quotes.", e);
        }
    }

    private static (string Name, string? Value) Split(string text)
    {
        int at = text.IndexOf('=', StringComparison.Ordinal);
        return at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);
    }
}
