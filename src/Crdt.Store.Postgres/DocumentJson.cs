using System.Buffers;
using System.Globalization;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Crdt.Store.Postgres;

/// <summary>An entity as a JSONB document, for people to query: a view, from which nothing is read back but what an index is
/// made of.</summary>
/// <remarks>Bytes are Base64 and instants RFC 3339, as nothing in JSON says; which members these are stands beside the
/// document (<c>kinds</c>). PostgreSQL holds no U+0000: it is U+FFFD there.</remarks>
internal sealed record DocumentJson(string Document, string? Kinds, long Hash)
{
    private const string Timestamp = "t", Bytes = "b", Inexact = "d";

    private const double IntegersEnd = 1L << 53;

    private static readonly JsonWriterOptions Writing = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 64 };

    /// <summary>The document of a living entity.</summary>
    public static DocumentJson Of(Entity entity)
    {
        var buffer = new ArrayBufferWriter<byte>();
        JsonObject? kinds;
        using (var writer = new Utf8JsonWriter(buffer, Writing)) kinds = Write(writer, entity.Fields);
        string? beside = kinds?.ToJsonString();
        var hash = new XxHash3();
        hash.Append(buffer.WrittenSpan);
        if (beside is not null) hash.Append(Encoding.UTF8.GetBytes(beside));
        return new DocumentJson(Encoding.UTF8.GetString(buffer.WrittenSpan), beside, (long)hash.GetCurrentHashAsUInt64());
    }

    /// <summary>The visible value of a field of an entity, as an index sees it.</summary>
    public static Value Read(Entity entity, FieldPath field)
    {
        Value at = entity.ToValue();
        foreach (PathSegment segment in field.Segments)
        {
            if (at.Kind != ValueKind.Object || !at.TryGetMember(segment.Name, out at)) return Value.Null;
        }
        return at;
    }

    /// <summary>The same of a document; <see langword="null"/> when it cannot be told.</summary>
    public static Value? Read(string document, string? kinds, FieldPath field)
    {
        if (field.Segments.Any(s => s.Name.Contains('\0', StringComparison.Ordinal) || s.Name.Contains('\uFFFD', StringComparison.Ordinal))) return null;
        using var parsed = JsonDocument.Parse(document, new JsonDocumentOptions { MaxDepth = 64 });
        JsonElement at = parsed.RootElement;
        JsonNode? kind = kinds is null ? null : JsonNode.Parse(kinds);
        foreach (PathSegment segment in field.Segments)
        {
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(segment.Name, out at)) return Value.Null;
            kind = (kind as JsonObject)?[segment.Name];
        }
        string? told = kind is JsonValue ? kind.GetValue<string>() : null;
        return at.ValueKind switch
        {
            JsonValueKind.True => Value.True,
            JsonValueKind.False => Value.False,
            JsonValueKind.Number => told != Inexact && at.TryGetInt64(out long integer) ? Value.From(integer) : Value.From(at.GetDouble()),
            JsonValueKind.String when told == Timestamp => Value.From(
                DateTimeOffset.Parse(at.GetString()!, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind)),
            JsonValueKind.String when told == Bytes => Value.From(ReadOnlySpan<byte>.Empty),
            JsonValueKind.String => OfText(at.GetString()!),
            JsonValueKind.Array => Value.ArrayOf(),
            JsonValueKind.Object => Value.EmptyObject,
            _ => Value.Null,
        };
    }

    /// <summary>A text as PostgreSQL takes it.</summary>
    public static string Text(string text) => text.Replace('\0', '\uFFFD');

    // It may have been another character.
    private static Value? OfText(string text) => text.Contains('\uFFFD', StringComparison.Ordinal) ? default(Value?) : Value.From(text);

    private static JsonObject? Write(Utf8JsonWriter writer, IReadOnlyList<KeyValuePair<string, Value>> members)
    {
        JsonObject? kinds = null;
        writer.WriteStartObject();
        foreach ((string name, Value value) in members)
        {
            writer.WritePropertyName(Text(name));
            if (Write(writer, value) is { } kind) (kinds ??= [])[Text(name)] = kind;
        }
        writer.WriteEndObject();
        return kinds;
    }

    private static JsonNode? Write(Utf8JsonWriter writer, Value value)
    {
        switch (value.Kind)
        {
            case ValueKind.Boolean:
                writer.WriteBooleanValue(value.AsBoolean());
                return null;
            case ValueKind.Integer:
                writer.WriteNumberValue(value.AsInteger());
                return null;
            case ValueKind.Double:
                writer.WriteNumberValue(value.AsDouble());
                return Math.Abs(value.AsDouble()) >= IntegersEnd ? JsonValue.Create(Inexact) : null;
            case ValueKind.String:
                writer.WriteStringValue(Text(value.AsString()));
                return null;
            case ValueKind.Bytes:
                writer.WriteBase64StringValue(value.AsBytes().Span);
                return JsonValue.Create(Bytes);
            case ValueKind.Timestamp:
                writer.WriteStringValue(value.AsTimestamp().UtcDateTime.ToString("O", CultureInfo.InvariantCulture));
                return JsonValue.Create(Timestamp);
            case ValueKind.Array:
                writer.WriteStartArray();
                foreach (Value item in value.AsArray()) Write(writer, item);
                writer.WriteEndArray();
                return null;
            case ValueKind.Object:
                return Write(writer, value.AsObject());
            case ValueKind.Blob:
                return Write(writer, value.AsBlob().Describe().AsObject());
            default:
                writer.WriteNullValue();
                return null;
        }
    }
}
