using System.Globalization;
using Crdt;
using CsvHelper;
using FieldMap.Geo;

namespace FieldMap;

/// <summary>Real reports of wildlife strikes, and the airports they name.</summary>
internal static class Reports
{
    public const string Domain = "incident";
    public const string EntityType = "strike";

    /// <summary>Field of the airport's name.</summary>
    public static readonly FieldPath AirportField = "Airport Name";

    public static EntityKey KeyOf(int row) => new(Domain, EntityType, row.ToString("D5", CultureInfo.InvariantCulture));

    /// <summary>Airports by the names that the reports have for them.</summary>
    public static Dictionary<string, Airport> Airports()
    {
        using CsvReader csv = Open("airports.csv");
        var airports = new Dictionary<string, Airport>(StringComparer.Ordinal);
        while (csv.Read())
        {
            string name = csv.GetField("name")!;
            airports.Add(name, new Airport(name, csv.GetField("code")!, csv.GetField<double>("longitude"), csv.GetField<double>("latitude")));
        }
        return airports;
    }

    /// <summary>All reports, the first in row 1, empty cells left out.</summary>
    public static List<KeyValuePair<string, string>[]> Read()
    {
        using CsvReader csv = Open("birdstrikes.csv");
        string[] header = csv.HeaderRecord!;
        var rows = new List<KeyValuePair<string, string>[]>();
        while (csv.Read()) rows.Add([.. header.Select((name, i) => new KeyValuePair<string, string>(name, csv.GetField(i) ?? "")).Where(f => f.Value.Length > 0)]);
        return rows;
    }

    private static CsvReader Open(string file)
    {
        var csv = new CsvReader(new StreamReader(Path.Combine(AppContext.BaseDirectory, "data", file)), CultureInfo.InvariantCulture);
        csv.Read();
        csv.ReadHeader();
        return csv;
    }
}
