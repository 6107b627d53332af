using System.Globalization;
using System.Text;
using CsvHelper;
using CsvHelper.Configuration;

namespace Crdt.Cli.Import;

/// <summary>Rows of a CSV file (RFC 4180) with a header. An empty cell is an absent field.</summary>
internal static class CsvRows
{
    /// <summary>A cell that is longer cannot become a value anyway: most likely a quote was never closed.</summary>
    private const int CellLengthMax = 1 << 20;

    private const char Replacement = '�';

    /// <summary>Reads lazily; what is wrong with a row is said in the row.</summary>
    /// <exception cref="CliException">The header is unusable, or a cell never ends.</exception>
    public static IEnumerable<ImportRow> Read(Stream input, CellTypes types, char separator, string? idColumn)
    {
        string? badCell = null;
        var configuration = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = separator.ToString(),
            DetectDelimiter = false,
            MaxFieldSize = CellLengthMax,
            // Counted here instead, so that every row knows the line it begins in.
            IgnoreBlankLines = false,
            BadDataFound = found => badCell = found.Field,
        };
        using var text = new StreamReader(input, new UTF8Encoding(false), true, 1 << 16);
        using var parser = new CsvParser(text, configuration);
        string[]? header = null;
        long number = 0;
        while (true)
        {
            long line = parser.RawRow + 1;
            badCell = null;
            if (!Advance(parser, line)) break;
            string[] cells = parser.Record!;
            if (cells is [""] or []) continue;
            if (header is null)
            {
                header = CheckHeader(cells, types, idColumn);
                continue;
            }
            number++;
            yield return Reject(cells, header, badCell) is { } reason
                ? ImportRow.Rejected(number, line, reason)
                : Convert(cells, header, types, number, line);
        }
        if (header is null) throw CliException.Usage("The file is empty: a header with the columns' names is "
            + "expected.");
    }

    private static bool Advance(CsvParser parser, long line)
    {
        try
        {
            return parser.Read();
        }
        catch (MaxFieldSizeException e)
        {
            throw CliException.Usage($"Line {line}: a cell of more than {CellLengthMax} characters.",
                "Perhaps a quote that opens it is never closed. The rows before it were taken.", e);
        }
    }

    private static string[] CheckHeader(string[] header, CellTypes types, string? idColumn)
    {
        for (int i = 0; i < header.Length; i++)
        {
            if (header[i].Length == 0) throw CliException.Usage($"Column {i + 1} has no name in the header.");
            if (Array.IndexOf(header, header[i]) < i)
                throw CliException.Usage($"The column '{header[i]}' occurs twice in the header.");
            try
            {
                FieldPath.Field(header[i]);
            }
            catch (ArgumentException e)
            {
                throw CliException.Usage($"The name of column {i + 1} cannot be a field: {e.Message}", inner: e);
            }
        }
        foreach (string named in types.Columns.Append(idColumn).OfType<string>())
        {
            if (header.Contains(named)) continue;
            throw CliException.Usage(
                $"There is no column '{named}'.", $"The columns are: {string.Join(", ", header)}.");
        }
        return header;
    }

    private static string? Reject(string[] cells, string[] header, string? badCell)
    {
        // A quote in the middle of an unquoted cell is text; one that opens a cell and does not close it is damage.
        if (badCell is ['"', ..]) return "a quote that opens a cell does not close it";
        if (cells.Length != header.Length) return $"{Output.Shown.Count(cells.Length, "cell")} where the header has {header.Length} columns";
        int unreadable = Array.FindIndex(cells, c => c.Contains(Replacement, StringComparison.Ordinal));
        if (unreadable >= 0) return $"column '{header[unreadable]}': not UTF-8";
        return cells.All(c => c.Length == 0) ? "no cell has a value" : null;
    }

    private static ImportRow Convert(string[] cells, string[] header, CellTypes types, long number, long line)
    {
        var fields = new List<KeyValuePair<string, Value>>(header.Length);
        var content = new List<KeyValuePair<string, Value>>(header.Length);
        for (int i = 0; i < header.Length; i++)
        {
            if (cells[i].Length == 0) continue;
            if (types.Convert(header[i], cells[i]) is not { } value)
            {
                return ImportRow.Rejected(
                    number, line, $"column '{header[i]}': '{Output.Shown.Cell(cells[i])}' is not of kind "
                        + $"{types.KindOf(header[i])}");
            }
            fields.Add(new(header[i], value));
            content.Add(new(header[i], cells[i]));
        }
        return new ImportRow(number, line, Value.ObjectOf(fields), Value.ObjectOf(content), null);
    }
}
