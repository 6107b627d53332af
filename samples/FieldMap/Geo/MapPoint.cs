namespace FieldMap.Geo;

/// <summary>A place on the square that the Web Mercator projection makes of the world: 0 to 1 from the west, and from the north.</summary>
internal readonly record struct MapPoint(double X, double Y)
{
    private const double LatitudeMax = 85.05112878;

    public static MapPoint At(double longitude, double latitude)
    {
        double sine = Math.Sin(Math.Clamp(latitude, -LatitudeMax, LatitudeMax) * Math.PI / 180);
        return new MapPoint((longitude + 180) / 360, 0.5 - (Math.Log((1 + sine) / (1 - sine)) / (4 * Math.PI)));
    }
}
