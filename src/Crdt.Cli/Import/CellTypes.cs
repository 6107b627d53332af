using System.Globalization;

namespace Crdt.Cli.Import;

/// <summary>Which kind the cells of each column are of.</summary>
/// <remarks>A column of mixed text stays what each cell is: <c>7</c> a number, <c>007</c> and <c>1.50</c> text, since a
/// number would lose what was written. <c>--types zip=text</c> keeps a whole column as text.</remarks>
internal sealed class CellTypes
{
    private static readonly string[] InstantFormats =
    [
        "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd HH:mm:ssK", "yyyy-MM-dd "
            + "HH:mm:ss.FFFFFFFK",
    ];

    private readonly Dictionary<string, CellKind> columns = new(StringComparer.Ordinal);
    private CellKind others = CellKind.Auto;

    /// <summary>The columns that are named.</summary>
    public IEnumerable<string> Columns => columns.Keys;

    /// <summary>Reads <c>KIND</c> for all columns and <c>COLUMN=KIND</c> for one.</summary>
    public static CellTypes Parse(IEnumerable<string> options)
    {
        var types = new CellTypes();
        foreach (string option in options)
        {
            int at = option.LastIndexOf('=');
            if (!Enum.TryParse(option[(at + 1)..], ignoreCase: true, out CellKind kind) || !Enum.IsDefined(kind)
                || char.IsAsciiDigit(option[at + 1]))
            {
                throw CliException.Usage($"'{option}' is neither KIND nor COLUMN=KIND.",
                    $"Kinds: {string.Join(", ", Enum.GetNames<CellKind>().Select(n => n.ToLowerInvariant()))}.");
            }
            if (at < 0) types.others = kind;
            else types.columns[option[..at]] = kind;
        }
        return types;
    }

    /// <summary>Turns a cell that is not empty into a value.</summary>
    /// <returns>Null when the text is not of the column's kind.</returns>
    public Value? Convert(string column, string text) => columns.GetValueOrDefault(column, others) switch
    {
        CellKind.Text => Value.From(text),
        CellKind.Number => Number(text),
        CellKind.Boolean => bool.TryParse(text, out bool truth) ? truth : default(Value?),
        CellKind.Timestamp => DateTimeOffset.TryParseExact(text, InstantFormats, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal, out DateTimeOffset instant) ? instant : default(Value?),
        CellKind.Json => Json(text),
        _ => Auto(text),
    };

    public string KindOf(string column) => columns.GetValueOrDefault(column, others).ToString().ToLowerInvariant();

    private static Value Auto(string text)
    {
        // Most cells are no numbers, and say so by their first character.
        if (!char.IsAsciiDigit(text[0]) && text[0] != '-') return Value.From(text);
        return Number(text) is { } number && number.ToJson() == text ? number : Value.From(text);
    }

    private static Value? Number(string text) =>
        Json(text) is { Kind: ValueKind.Integer or ValueKind.Double } number ? number : default(Value?);

    private static Value? Json(string text)
    {
        try
        {
            return Value.ParseJson(text);
        }
        catch (JsonInputException)
        {
            return null;
        }
    }
}
