using System.Globalization;
using CsvHelper;

namespace FieldDay;

/// <summary>The day's reports: 10,000 wildlife strikes as they were filed.</summary>
internal static class Strikes
{
    public const string Domain = "incident";
    public const string Type = "strike";

    /// <summary>The first reports are shared: the server hands them out in the morning, and everybody edits them.</summary>
    public const int Shared = 12;

    public static Crdt.EntityKey Key(int row) => new(Domain, Type, row.ToString("D5", CultureInfo.InvariantCulture));

    /// <summary>Rows with their numbers, from 1.</summary>
    public static IEnumerable<(int Row, IReadOnlyList<KeyValuePair<string, Crdt.Value>> Fields)> Read(int rowsMax)
    {
        string file = Path.Combine(AppContext.BaseDirectory, "data", "birdstrikes.csv");
        using var csv = new CsvReader(new StreamReader(file), CultureInfo.InvariantCulture);
        csv.Read();
        csv.ReadHeader();
        string[] header = csv.HeaderRecord!;
        for (int row = 1; row <= rowsMax && csv.Read(); row++)
        {
            var fields = new List<KeyValuePair<string, Crdt.Value>>();
            for (int i = 0; i < header.Length; i++)
            {
                // An empty cell is an absent field.
                if (csv.GetField(i) is not { Length: > 0 } text) continue;
                bool isNumber = long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long n)
                    && n.ToString(CultureInfo.InvariantCulture) == text;
                fields.Add(new(header[i], isNumber ? n : text));
            }
            yield return (row, fields);
        }
    }
}
