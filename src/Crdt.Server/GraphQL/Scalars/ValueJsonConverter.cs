using System.Text.Json;
using System.Text.Json.Serialization;

namespace Crdt.Server.GraphQL.Scalars;

/// <summary>Writes values into responses as entities tell them: 1 and 1.0 stay apart.</summary>
internal sealed class ValueJsonConverter : JsonConverter<Value>
{
    public override Value Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        return Value.ParseJson(document.RootElement.GetRawText());
    }

    public override void Write(Utf8JsonWriter writer, Value value, JsonSerializerOptions options) =>
        writer.WriteRawValue(value.ToJson(), skipInputValidation: true);
}
