namespace FieldMap.Geo;

/// <summary>Something on the map: an area with holes, or a point.</summary>
/// <param name="Layer">Which layer it is in.</param>
/// <param name="Properties">What is known of it.</param>
/// <param name="Polygons">Areas, each with its outline first, then its holes; empty for a point.</param>
/// <param name="Point">The point.</param>
internal sealed record Shape(string Layer, IReadOnlyList<KeyValuePair<string, string>> Properties, IReadOnlyList<MapPoint[][]> Polygons, MapPoint? Point = null)
{
    /// <summary>What of it is within a rectangle; <see langword="null"/> for nothing.</summary>
    public Shape? Within(double west, double north, double east, double south)
    {
        if (Point is { } point) return point.X >= west && point.X < east && point.Y >= north && point.Y < south ? this : null;
        var left = new List<MapPoint[][]>();
        foreach (MapPoint[][] polygon in Polygons)
        {
            MapPoint[][] rings = [.. polygon.Select(r => Clipped(r, west, north, east, south)).TakeWhile((r, i) => i > 0 || r.Length >= 3).Where(r => r.Length >= 3)];
            if (rings.Length > 0) left.Add(rings);
        }
        return left.Count == 0 ? null : this with { Polygons = left };
    }

    // Sutherland and Hodgman, "Reentrant polygon clipping", 1974: one edge of the rectangle after the other.
    private static MapPoint[] Clipped(MapPoint[] ring, double west, double north, double east, double south)
    {
        (double minX, double minY, double maxX, double maxY) = (double.MaxValue, double.MaxValue, double.MinValue, double.MinValue);
        foreach (MapPoint p in ring) (minX, minY, maxX, maxY) = (Math.Min(minX, p.X), Math.Min(minY, p.Y), Math.Max(maxX, p.X), Math.Max(maxY, p.Y));
        if (maxX < west || minX > east || maxY < north || minY > south) return [];
        if (minX >= west && maxX <= east && minY >= north && maxY <= south) return ring;
        List<MapPoint> points = [.. ring];
        points = Cut(points, p => p.X - west);
        points = Cut(points, p => east - p.X);
        points = Cut(points, p => p.Y - north);
        points = Cut(points, p => south - p.Y);
        return [.. points];
    }

    private static List<MapPoint> Cut(List<MapPoint> ring, Func<MapPoint, double> inside)
    {
        var kept = new List<MapPoint>(ring.Count);
        for (int i = 0; i < ring.Count; i++)
        {
            MapPoint from = ring[i], to = ring[(i + 1) % ring.Count];
            double a = inside(from), b = inside(to);
            if (a >= 0) kept.Add(from);
            if (a < 0 != b < 0) kept.Add(new MapPoint(from.X + ((to.X - from.X) * a / (a - b)), from.Y + ((to.Y - from.Y) * a / (a - b))));
        }
        return kept;
    }
}
