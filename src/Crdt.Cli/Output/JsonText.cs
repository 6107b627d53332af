using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Crdt.Cli.Output;

/// <summary>JSON written by hand: one line each, no reflection.</summary>
internal static class JsonText
{
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Of(Action<Utf8JsonWriter> content)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, Compact)) content(writer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>An object on one line.</summary>
    public static string Object(Action<Utf8JsonWriter> members) => Of(w =>
    {
        w.WriteStartObject();
        members(w);
        w.WriteEndObject();
    });

    /// <summary>A member that holds a value; nothing when it is absent.</summary>
    public static void WriteValue(this Utf8JsonWriter writer, string name, Value? value)
    {
        if (value is not { } held) return;
        writer.WritePropertyName(name);
        writer.WriteRawValue(held.ToJson(), skipInputValidation: true);
    }

    /// <summary>A member that is left out when there is nothing to say.</summary>
    public static void WriteOptional(this Utf8JsonWriter writer, string name, string? text)
    {
        if (text is not null) writer.WriteString(name, text);
    }

    public static void WriteTime(this Utf8JsonWriter writer, string name, DateTimeOffset? time)
    {
        if (time is { } known) writer.WriteString(name, Shown.Time(known));
    }

    /// <summary>A version vector as an object from replica to sequence.</summary>
    public static void WriteVector(this Utf8JsonWriter writer, string name, VersionVector vector)
    {
        writer.WriteStartObject(name);
        foreach (Dot dot in vector) writer.WriteNumber(dot.Replica.ToString(), dot.Sequence);
        writer.WriteEndObject();
    }
}
