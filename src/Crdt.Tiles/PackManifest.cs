using System.Text.Json;

namespace Crdt.Tiles;

/// <summary>What a space knows of a tile pack before any of it has arrived: an entity of <c>map/pack</c>, named as the pack, with
/// the pack's blob in one of its fields.</summary>
public sealed record PackManifest
{
    /// <summary>Domain of the entities.</summary>
    public const string Domain = "map";

    /// <summary>Type of the entities.</summary>
    public const string EntityType = "pack";

    /// <summary>Media type of a PMTiles pack.</summary>
    public const string PmTilesMediaType = "application/vnd.pmtiles";

    /// <summary>Media type of an MBTiles pack.</summary>
    public const string MbTilesMediaType = "application/vnd.sqlite3";

    /// <summary>Field of the pack itself.</summary>
    public static readonly FieldPath PackField = "pack";

    private static readonly FieldPath TitleField = "title", TypeField = "tile_type", CompressionField = "compression", ZoomMinField = "zoom_min", ZoomMaxField = "zoom_max",
        BoundsField = "bounds", CenterField = "center", AttributionField = "attribution", DateField = "date", LayersField = "vector_layers";

    /// <summary>Name for people.</summary>
    public required string Title { get; init; }

    /// <summary>What the pack says of itself.</summary>
    public required TilePackInfo Info { get; init; }

    /// <summary>Whom the map is owed to: to be shown wherever it is.</summary>
    public string? Attribution { get; init; }

    /// <summary>Of when its data are.</summary>
    public DateTimeOffset? Date { get; init; }

    /// <summary>Of vector tiles their layers, as TileJSON lists them: a JSON array.</summary>
    public string VectorLayersJson { get; init; } = "[]";

    /// <summary>The entity of a pack's name.</summary>
    public static EntityKey KeyOf(string name) => new(Domain, EntityType, name);

    /// <summary>Describes a pack by its header and metadata.</summary>
    /// <param name="pack">An open pack.</param>
    /// <param name="title">Name for people, where the pack has none.</param>
    /// <param name="date">Of when its data are.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="TileException">The metadata is not here yet, or wrong.</exception>
    public static async ValueTask<PackManifest> DescribeAsync(ITilePack pack, string title, DateTimeOffset? date = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(pack);
        using JsonDocument metadata = JsonDocument.Parse(await pack.GetMetadataAsync(cancellationToken).ConfigureAwait(false));
        return new PackManifest
        {
            Title = Text("name") ?? title,
            Attribution = Text("attribution"),
            Date = date,
            Info = pack.Info,
            VectorLayersJson = metadata.RootElement.TryGetProperty("vector_layers", out JsonElement layers) && layers.ValueKind == JsonValueKind.Array ? AsValue(layers) : "[]",
        };

        static string AsValue(JsonElement layers)
        {
            try
            {
                return Value.ParseJson(layers.GetRawText()).ToJson();
            }
            catch (JsonInputException e)
            {
                throw new TileException(TileError.Damaged, $"The pack's vector_layers are none: {e.Message}", e);
            }
        }

        string? Text(string name) => metadata.RootElement.TryGetProperty(name, out JsonElement text) && text.ValueKind == JsonValueKind.String
            && text.GetString() is { Length: > 0 } said ? said : null;
    }

    /// <summary>Reads an entity that <see cref="WriteTo"/> wrote; fields that are missing or of another kind are as if the pack said
    /// nothing of them.</summary>
    public static PackManifest Read(Entity entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        double[] bounds = Numbers(BoundsField), center = Numbers(CenterField);
        TileBounds covered = bounds is [var west, var south, var east, var north] ? new TileBounds(west, south, east, north) : TileBounds.World;
        int zoomMin = Zoom(ZoomMinField, 0), zoomMax = Math.Max(zoomMin, Zoom(ZoomMaxField, TileCoordinate.ZoomMax));
        return new PackManifest
        {
            Title = Text(TitleField) ?? entity.Key.Id,
            Attribution = Text(AttributionField),
            Date = entity[DateField] is { Kind: ValueKind.Timestamp } date ? date.AsTimestamp() : null,
            VectorLayersJson = entity[LayersField] is { Kind: ValueKind.Array } layers ? layers.ToJson() : "[]",
            Info = new TilePackInfo
            {
                Type = Named<TileType>(TypeField),
                Compression = Named<TileCompression>(CompressionField),
                ZoomMin = zoomMin,
                ZoomMax = zoomMax,
                Bounds = covered.IsValid ? covered : TileBounds.World,
                Center = center is [var longitude, var latitude, _] ? (longitude, latitude) : ((covered.West + covered.East) / 2, (covered.South + covered.North) / 2),
                CenterZoom = center is [_, _, var zoom] ? (int)Math.Clamp(zoom, zoomMin, zoomMax) : zoomMin,
            },
        };

        string? Text(FieldPath field) => entity[field] is { Kind: ValueKind.String } text ? text.AsString() : null;
        int Zoom(FieldPath field, int otherwise) => entity[field] is { Kind: ValueKind.Integer } zoom ? (int)Math.Clamp(zoom.AsInteger(), 0, TileCoordinate.ZoomMax) : otherwise;
        T Named<T>(FieldPath field) where T : struct, Enum => Enum.TryParse(Text(field), ignoreCase: true, out T named) && Enum.IsDefined(named) ? named : default;
        double[] Numbers(FieldPath field) => entity[field] is { Kind: ValueKind.Array } numbers && numbers.AsArray().All(n => n.Kind is ValueKind.Integer or ValueKind.Double)
            ? [.. numbers.AsArray().Select(n => n.Kind == ValueKind.Integer ? n.AsInteger() : n.AsDouble())] : [];
    }

    /// <summary>Notes it down in an edit of the pack's entity.</summary>
    /// <param name="edit">Of the entity of <see cref="KeyOf"/>.</param>
    /// <param name="pack">The pack itself.</param>
    public void WriteTo(EntityEdit edit, Blob pack)
    {
        ArgumentNullException.ThrowIfNull(edit);
        ArgumentNullException.ThrowIfNull(pack);
        edit.Set(PackField, pack).Set(TitleField, Title).Set(TypeField, Info.Type.ToString()).Set(CompressionField, Info.Compression.ToString())
            .Set(ZoomMinField, Info.ZoomMin).Set(ZoomMaxField, Info.ZoomMax)
            .Set(BoundsField, Value.ArrayOf(Info.Bounds.West, Info.Bounds.South, Info.Bounds.East, Info.Bounds.North))
            .Set(CenterField, Value.ArrayOf(Info.Center.Longitude, Info.Center.Latitude, Info.CenterZoom))
            .Set(LayersField, Value.ParseJson(VectorLayersJson));
        // What the pack before said does not stand beside what this one leaves unsaid.
        edit.Set(AttributionField, Attribution).Set(DateField, Date is { } date ? date : Value.Null);
    }

    /// <summary>The pack as TileJSON 3.0.0 says it.</summary>
    /// <param name="name">Name of the pack.</param>
    /// <param name="tilesUrl">Where its tiles are, with <c>{z}</c>, <c>{x}</c> and <c>{y}</c>.</param>
    /// <param name="version">Changes with the pack.</param>
    public byte[] ToTileJson(string name, string tilesUrl, string version)
    {
        using var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteString("tilejson", "3.0.0");
            json.WriteString("id", name);
            json.WriteString("name", Title);
            json.WriteString("version", version);
            if (Attribution is not null) json.WriteString("attribution", Attribution);
            if (Date is { } date) json.WriteString("date", date.UtcDateTime);
            json.WriteString("scheme", "xyz");
            json.WriteString("format", Info.MediaType);
            json.WriteNumber("minzoom", Info.ZoomMin);
            json.WriteNumber("maxzoom", Info.ZoomMax);
            Array("bounds", Info.Bounds.West, Info.Bounds.South, Info.Bounds.East, Info.Bounds.North);
            Array("center", Info.Center.Longitude, Info.Center.Latitude, Info.CenterZoom);
            json.WriteStartArray("tiles");
            json.WriteStringValue(tilesUrl);
            json.WriteEndArray();
            json.WritePropertyName("vector_layers");
            json.WriteRawValue(VectorLayersJson);
            json.WriteEndObject();

            void Array(string member, params ReadOnlySpan<double> numbers)
            {
                json.WriteStartArray(member);
                foreach (double number in numbers) json.WriteNumberValue(number);
                json.WriteEndArray();
            }
        }
        return output.ToArray();
    }
}
