using Crdt;
using FieldMap.Geo;

namespace FieldMap;

/// <summary>The incidents of a space as GeoJSON.</summary>
internal sealed class Incidents(Replica replica)
{
    // Reports name an airport, not a spot on it: those of one airport stand around it, each always at its own place.
    private const double SpreadDegrees = 0.004, GoldenAngle = 2.399963;

    private readonly Dictionary<string, Airport> airports = Reports.Airports();

    public object All() => new
    {
        type = "FeatureCollection",
        features = replica.Keys(Reports.Domain, Reports.EntityType).Select(k => replica.Get(k) is { } entity ? Feature(entity) : null).Where(f => f is not null),
    };

    /// <summary>One of them; <see langword="null"/> when it says of no known place that it was there.</summary>
    public object? Feature(Entity entity)
    {
        if (Text("Airport Name") is not { } name || !airports.TryGetValue(name, out Airport? airport)) return null;
        int number = int.Parse(entity.Key.Id, System.Globalization.CultureInfo.InvariantCulture);
        double distance = SpreadDegrees * Math.Sqrt(number % 400), angle = number * GoldenAngle;
        return new
        {
            type = "Feature",
            id = number,
            geometry = new { type = "Point", coordinates = (double[])[airport.Longitude + (distance * Math.Cos(angle)), airport.Latitude + (distance * Math.Sin(angle))] },
            properties = new
            {
                species = Text("Wildlife Species"),
                airport = name,
                date = Text("Flight Date"),
                @operator = Text("Aircraft Airline Operator"),
                aircraft = Text("Aircraft Make Model"),
                damage = Text("Effect Amount of damage"),
            },
        };

        string? Text(string field) => entity[field] is { Kind: ValueKind.String } text ? text.AsString() : null;
    }
}
