using System.Text.Json;

namespace FieldMap.Geo;

/// <summary>Reads areas from TopoJSON, in which neighbours share their borders.</summary>
internal static class TopoJson
{
    /// <summary>The areas of one object of a file, as shapes of a layer.</summary>
    public static List<Shape> Read(string file, string name, string layer)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
        JsonElement root = document.RootElement, transform = root.GetProperty("transform");
        double[] scale = Pair(transform.GetProperty("scale")), start = Pair(transform.GetProperty("translate"));
        MapPoint[][] arcs = [.. root.GetProperty("arcs").EnumerateArray().Select(Arc)];
        var shapes = new List<Shape>();
        foreach (JsonElement geometry in root.GetProperty("objects").GetProperty(name).GetProperty("geometries").EnumerateArray())
        {
            if (!geometry.TryGetProperty("arcs", out JsonElement parts)) continue;
            IEnumerable<JsonElement> polygons = geometry.GetProperty("type").GetString() == "MultiPolygon" ? parts.EnumerateArray() : [parts];
            string called = geometry.TryGetProperty("properties", out JsonElement p) && p.TryGetProperty("name", out JsonElement n) ? n.GetString() ?? "" : "";
            shapes.Add(new Shape(layer, [new("name", called)], [.. polygons.Select(g => g.EnumerateArray().Select(Ring).ToArray())]));
        }
        return shapes;

        // Steps on a grid, each from the point before.
        MapPoint[] Arc(JsonElement steps)
        {
            (double x, double y) = (0, 0);
            return [.. steps.EnumerateArray().Select(s =>
            {
                double[] step = Pair(s);
                (x, y) = (x + step[0], y + step[1]);
                return MapPoint.At((x * scale[0]) + start[0], (y * scale[1]) + start[1]);
            })];
        }

        // Arcs one after the other, of each but the first without the point that it shares; ~i is arc i backwards.
        MapPoint[] Ring(JsonElement indices)
        {
            var points = new List<MapPoint>();
            foreach (JsonElement item in indices.EnumerateArray())
            {
                int index = item.GetInt32();
                IEnumerable<MapPoint> arc = index >= 0 ? arcs[index] : arcs[~index].Reverse();
                points.AddRange(points.Count == 0 ? arc : arc.Skip(1));
            }
            return [.. points.Take(points.Count - 1)];
        }
    }

    private static double[] Pair(JsonElement numbers) => [numbers[0].GetDouble(), numbers[1].GetDouble()];
}
