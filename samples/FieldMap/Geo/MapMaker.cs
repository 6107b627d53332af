using System.IO.Compression;
using Crdt.Tiles;

namespace FieldMap.Geo;

/// <summary>Makes the day's map: the world's countries, the United States with their states, the airports of the reports.</summary>
internal static class MapMaker
{
    public const int ZoomMax = 6;

    /// <summary>Whom it is owed to.</summary>
    public const string Attribution = "Natural Earth · US Census Bureau · FAA";

    private const string Metadata = """
        {"name":"World, with the states and airports of the USA","attribution":"Natural Earth · US Census Bureau · FAA","type":"baselayer","vector_layers":[
        {"id":"land","fields":{"name":"String"},"minzoom":0,"maxzoom":6},{"id":"states","fields":{"name":"String"},"minzoom":2,"maxzoom":6},
        {"id":"airports","fields":{"code":"String","name":"String"},"minzoom":2,"maxzoom":6}]}
        """;

    // As much of its neighbours as a tile shows beyond its edge, so that borders end outside of it.
    private const double Margin = 64.0 / VectorTile.Extent;

    private static readonly (int From, int To, string File)[] Levels = [(0, 1, "countries-110m.json"), (2, 4, "countries-50m.json"), (5, ZoomMax, "countries-10m.json")];

    /// <summary>Makes the pack.</summary>
    /// <param name="atlas">Directory of the TopoJSON files.</param>
    /// <param name="airports">The airports.</param>
    /// <param name="output">What it is written to.</param>
    /// <returns>Tiles in it.</returns>
    public static async Task<long> MakeAsync(string atlas, IEnumerable<Airport> airports, Stream output)
    {
        using var scratch = new MemoryStream();
        var writer = new PmTilesWriter(scratch);
        Shape[] points = [.. airports.Select(a => new Shape("airports", [new("code", a.Code), new("name", a.Name)], [], MapPoint.At(a.Longitude, a.Latitude)))];
        List<Shape> states = TopoJson.Read(Path.Combine(atlas, "states-10m.json"), "states", "states");
        foreach ((int from, int to, string file) in Levels)
        {
            List<Shape> land = TopoJson.Read(Path.Combine(atlas, file), "countries", "land");
            IReadOnlyList<(TileCoordinate Tile, List<Shape> Shapes)> level = [(default, [.. land, .. from >= 2 ? states : [], .. from >= 2 ? points : []])];
            for (int zoom = 0; zoom <= to; zoom++)
            {
                if (zoom >= from)
                {
                    foreach ((TileCoordinate tile, byte[] bytes) in level.Select(t => (t.Tile, Bytes: VectorTile.Encode(t.Tile, t.Shapes)))
                        .Where(t => t.Bytes is not null).Select(t => (t.Tile, t.Bytes!)))
                        writer.Add(tile, Zip(bytes));
                }
                level = [.. level.SelectMany(Quarters).OrderBy(t => t.Tile)];
            }
        }
        await writer.CompleteAsync(output, new TilePackInfo
        {
            Type = TileType.Mvt,
            Compression = TileCompression.Gzip,
            ZoomMin = 0,
            ZoomMax = ZoomMax,
            Bounds = TileBounds.World,
            Center = (-96, 38),
            CenterZoom = 3,
        }, Metadata);
        return writer.Count;
    }

    private static IEnumerable<(TileCoordinate Tile, List<Shape> Shapes)> Quarters((TileCoordinate Tile, List<Shape> Shapes) whole)
    {
        double side = Math.Pow(2, whole.Tile.Zoom + 1);
        for (int i = 0; i < 4; i++)
        {
            var tile = new TileCoordinate(whole.Tile.Zoom + 1, (2 * whole.Tile.X) + (i & 1), (2 * whole.Tile.Y) + (i >> 1));
            List<Shape> within = [.. whole.Shapes.Select(s => s.Within(
                (tile.X - Margin) / side, (tile.Y - Margin) / side, (tile.X + 1 + Margin) / side, (tile.Y + 1 + Margin) / side)).OfType<Shape>()];
            if (within.Count > 0) yield return (tile, within);
        }
    }

    private static byte[] Zip(byte[] bytes)
    {
        using var output = new MemoryStream();
        using (var packing = new GZipStream(output, CompressionLevel.SmallestSize, leaveOpen: true)) packing.Write(bytes);
        return output.ToArray();
    }
}
