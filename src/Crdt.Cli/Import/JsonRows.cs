using System.Text;

namespace Crdt.Cli.Import;

/// <summary>JSON lines: an object each. Null is a value; an absent member is an absent field.</summary>
internal static class JsonRows
{
    /// <summary>Reads lazily; what is wrong with a row is said in the row.</summary>
    public static IEnumerable<ImportRow> Read(Stream input)
    {
        using var text = new StreamReader(input, new UTF8Encoding(false), true, 1 << 16);
        long number = 0, at = 0;
        while (text.ReadLine() is { } line)
        {
            at++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            yield return Convert(line, ++number, at);
        }
    }

    private static ImportRow Convert(string line, long number, long at)
    {
        if (line.Contains('�', StringComparison.Ordinal)) return ImportRow.Rejected(number, at, "not UTF-8");
        try
        {
            var row = Value.ParseJson(line);
            if (row.Kind != ValueKind.Object)
                return ImportRow.Rejected(number, at, $"an object is expected, not "
                    + $"{row.Kind.ToString().ToLowerInvariant()}");
            return row.AsObject().Count == 0
                ? ImportRow.Rejected(number, at, "the object has no members")
                : new ImportRow(number, at, row, row, null);
        }
        catch (JsonInputException e)
        {
            return ImportRow.Rejected(number, at, e.Message);
        }
    }
}
