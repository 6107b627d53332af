using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Crdt;

/// <summary>Values to JSON text.</summary>
internal static class JsonOutput
{
    // Field data is written for people and for files, not into HTML: letters beyond ASCII stay readable.
    public static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    public static readonly JsonWriterOptions Indented = Compact with { Indented = true };

    public static string ToJson(Value value) => Write(w => Write(w, value), Compact);

    public static string Write(Action<Utf8JsonWriter> content, JsonWriterOptions options)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, options)) content(writer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    public static void Write(Utf8JsonWriter writer, Value value)
    {
        switch (value.Kind)
        {
            case ValueKind.Null:
                writer.WriteNullValue();
                break;
            case ValueKind.Boolean:
                writer.WriteBooleanValue(value.AsBoolean());
                break;
            case ValueKind.Integer:
                writer.WriteNumberValue(value.AsInteger());
                break;
            case ValueKind.Double:
                writer.WriteRawValue(Text(value.AsDouble()), skipInputValidation: true);
                break;
            case ValueKind.String:
                writer.WriteStringValue(value.AsString());
                break;
            case ValueKind.Bytes:
                writer.WriteBase64StringValue(value.AsBytes().Span);
                break;
            case ValueKind.Timestamp:
                writer.WriteStringValue(Rfc3339(value.AsTimestamp()));
                break;
            case ValueKind.Array:
                writer.WriteStartArray();
                foreach (Value item in value.AsArray()) Write(writer, item);
                writer.WriteEndArray();
                break;
            case ValueKind.Blob:
                writer.WriteStartObject();
                writer.WritePropertyName(BlobJson.Marker);
                Write(writer, BlobJson.Describe(value.AsBlob()));
                writer.WriteEndObject();
                break;
            default:
                writer.WriteStartObject();
                foreach (KeyValuePair<string, Value> member in value.AsObject())
                {
                    writer.WritePropertyName(member.Key);
                    Write(writer, member.Value);
                }
                writer.WriteEndObject();
                break;
        }
    }

    /// <summary>RFC 3339 in UTC, with as many digits of a second as are needed.</summary>
    public static string Rfc3339(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);

    private static string Text(double number)
    {
        string text = number.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().ContainsAny('.', 'E') ? text : text + ".0";
    }
}
