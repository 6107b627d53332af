using Crdt.Tiles;

namespace FieldMap.Geo;

/// <summary>Writes a vector tile, as specified by Mapbox Vector Tile 2.1.</summary>
internal static class VectorTile
{
    /// <summary>Units along a side of a tile.</summary>
    public const int Extent = 4096;

    private const ulong PointType = 1, PolygonType = 3;
    private const uint MoveTo = 1, LineTo = 2, ClosePath = 7;

    /// <summary>Encodes shapes that were cut to a tile; <see langword="null"/> when nothing of them is left on its grid.</summary>
    public static byte[]? Encode(TileCoordinate tile, IEnumerable<Shape> shapes)
    {
        var output = new Protobuf();
        bool isEmpty = true;
        foreach (IGrouping<string, Shape> layer in shapes.GroupBy(s => s.Layer))
        {
            List<string> keys = [], values = [];
            var encoded = new Protobuf();
            int features = 0;
            encoded.Put(15, 2);
            encoded.Put(1, layer.Key);
            foreach (Shape shape in layer)
            {
                List<uint> geometry = shape.Point is { } point ? [Command(MoveTo, 1), .. Step(OnGrid(tile, point), (0, 0))] : Polygons(tile, shape);
                if (geometry.Count == 0) continue;
                var feature = new Protobuf();
                feature.Put(2, shape.Properties.SelectMany(p => new[] { IndexOf(keys, p.Key), IndexOf(values, p.Value) }));
                feature.Put(3, shape.Point is null ? PolygonType : PointType);
                feature.Put(4, geometry);
                encoded.Put(2, feature.Written);
                features++;
            }
            if (features == 0) continue;
            foreach (string key in keys) encoded.Put(3, key);
            foreach (string value in values)
            {
                var text = new Protobuf();
                text.Put(1, value);
                encoded.Put(4, text.Written);
            }
            encoded.Put(5, Extent);
            output.Put(3, encoded.Written);
            isEmpty = false;
        }
        return isEmpty ? null : output.Written.ToArray();
    }

    private static List<uint> Polygons(TileCoordinate tile, Shape shape)
    {
        var geometry = new List<uint>();
        (int X, int Y) pen = (0, 0);
        foreach (MapPoint[][] polygon in shape.Polygons)
        {
            for (int i = 0; i < polygon.Length; i++)
            {
                List<(int X, int Y)> ring = Ring(tile, polygon[i]);
                long area = Area(ring);
                if (area == 0)
                {
                    // Without its outline an area has no holes either.
                    if (i == 0) break;
                    continue;
                }
                // Outlines go round with a positive area, holes with a negative one.
                if (area > 0 != (i == 0)) ring.Reverse();
                geometry.Add(Command(MoveTo, 1));
                geometry.AddRange(Step(ring[0], pen));
                geometry.Add(Command(LineTo, (uint)ring.Count - 1));
                for (int p = 1; p < ring.Count; p++) geometry.AddRange(Step(ring[p], ring[p - 1]));
                geometry.Add(Command(ClosePath, 1));
                pen = ring[^1];
            }
        }
        return geometry;
    }

    // Points that fall on the one before, or on the straight way to the next, say nothing.
    private static List<(int X, int Y)> Ring(TileCoordinate tile, MapPoint[] points)
    {
        var ring = new List<(int X, int Y)>();
        foreach (MapPoint point in points)
        {
            (int X, int Y) at = OnGrid(tile, point);
            if (ring.Count > 0 && ring[^1] == at) continue;
            if (ring.Count > 1 && IsStraight(ring[^2], ring[^1], at)) ring.RemoveAt(ring.Count - 1);
            ring.Add(at);
        }
        if (ring.Count > 1 && ring[0] == ring[^1]) ring.RemoveAt(ring.Count - 1);
        return ring;
    }

    private static bool IsStraight((int X, int Y) a, (int X, int Y) b, (int X, int Y) c) =>
        (long)(b.X - a.X) * (c.Y - b.Y) == (long)(b.Y - a.Y) * (c.X - b.X) && (long)(b.X - a.X) * (c.X - b.X) + ((long)(b.Y - a.Y) * (c.Y - b.Y)) > 0;

    private static long Area(List<(int X, int Y)> ring)
    {
        long area = 0;
        for (int i = 0; i < ring.Count; i++)
        {
            (int X, int Y) next = ring[(i + 1) % ring.Count];
            area += ((long)ring[i].X * next.Y) - ((long)next.X * ring[i].Y);
        }
        return ring.Count < 3 ? 0 : area;
    }

    private static (int X, int Y) OnGrid(TileCoordinate tile, MapPoint point)
    {
        double side = Math.Pow(2, tile.Zoom);
        return ((int)Math.Round(((point.X * side) - tile.X) * Extent), (int)Math.Round(((point.Y * side) - tile.Y) * Extent));
    }

    private static uint Command(uint command, uint count) => command | count << 3;

    private static uint[] Step((int X, int Y) to, (int X, int Y) from) => [ZigZag(to.X - from.X), ZigZag(to.Y - from.Y)];

    private static uint ZigZag(int number) => (uint)((number << 1) ^ (number >> 31));

    private static uint IndexOf(List<string> table, string item)
    {
        int index = table.IndexOf(item);
        if (index >= 0) return (uint)index;
        table.Add(item);
        return (uint)table.Count - 1;
    }
}
