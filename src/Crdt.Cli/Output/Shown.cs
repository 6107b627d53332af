using System.Globalization;
using System.Text;

namespace Crdt.Cli.Output;

/// <summary>Things as text for people.</summary>
internal static class Shown
{
    /// <summary>Longest text of a table's cell; --json shows everything.</summary>
    private const int CellLengthMax = 60;

    /// <summary>RFC 3339 in UTC, to the millisecond.</summary>
    public static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>As <see cref="Time"/>, to the second: for tables where a person looks.</summary>
    public static string Second(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>The first eight digits of an id: enough for people to tell replicas apart.</summary>
    public static string Short(ReplicaId id) => id.Value.ToString("D")[..8];

    /// <summary>The first eight digits of a mutation's UUID.</summary>
    public static string Short(Guid id) => id.ToString("D")[..8];

    /// <summary>The short id, and whether it is this very replica.</summary>
    public static string Author(ReplicaId author, ReplicaId self) =>
        author == self ? $"{Short(author)} (here)" : Short(author);

    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Seconds(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");

    /// <summary>A length of time of any size, in the unit that fits it.</summary>
    public static string Duration(TimeSpan time)
    {
        (double count, string unit) = time switch
        {
            { TotalMinutes: < 2 } => (time.TotalSeconds, "s"),
            { TotalHours: < 2 } => (time.TotalMinutes, "min"),
            { TotalDays: < 2 } => (time.TotalHours, "h"),
            _ => (time.TotalDays, "days"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{count:0.#} {unit}");
    }

    public static string Bytes(long bytes) => bytes switch
    {
        < 10_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 10_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0} kB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB"),
    };

    /// <summary>A count with its noun.</summary>
    public static string Count(long count, string singular, string? plural = null) =>
        $"{Number(count)} {(count == 1 ? singular : plural ?? singular + "s")}";

    /// <summary>A name as in <c>lastWriteWins</c>, for JSON.</summary>
    public static string Camel<T>(T name)
        where T : struct, Enum
    {
        string text = name.ToString();
        return char.ToLowerInvariant(text[0]) + text[1..];
    }

    /// <summary>A value within a line: text as it is, all else as JSON.</summary>
    public static string Value(Value? value) => value?.ToString() ?? "";

    /// <summary>One line of bounded length.</summary>
    public static string Cell(string text)
    {
        text = OneLine(text);
        if (text.Length <= CellLengthMax) return text;
        int end = CellLengthMax - 1;
        return string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[end - 1]) ? end - 1 : end), "…");
    }

    /// <summary>What a terminal may be given of data that came from elsewhere: no control character acts.</summary>
    public static string OneLine(string text) => Clean(text, keepsLines: false);

    /// <summary>As <see cref="OneLine"/>, but lines and tabs stay.</summary>
    public static string Lines(string text) => Clean(text, keepsLines: true);

    private static string Clean(string text, bool keepsLines)
    {
        if (!text.Any(char.IsControl)) return text;
        var clean = new StringBuilder(text.Length + 8);
        foreach (char c in text)
        {
            if (!char.IsControl(c) || (keepsLines && c is '\n' or '\t')) clean.Append(c);
            else if (c is '\n' or '\r' or '\t') clean.Append(c switch { '\n' => "\\n", '\r' => "\\r", _ => "\\t" });
            else clean.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }
        return clean.ToString();
    }
}
