using System.Text.Json;

namespace Crdt.Cli.Output;

/// <summary>Siblings as JSON, alike wherever they are listed.</summary>
internal static class SiblingJson
{
    public static void Write(
        Utf8JsonWriter writer, IReadOnlyList<Sibling> siblings, Value? visible, Writers writers)
    {
        writer.WriteStartArray("siblings");
        foreach ((int index, Sibling sibling) in siblings.Index())
        {
            writer.WriteStartObject();
            writer.WriteNumber("number", index + 1);
            writer.WriteValue("value", sibling.Value);
            writer.WriteString("author", sibling.Dot.Replica.ToString());
            writer.WriteOptional("user", writers.UserOf(sibling));
            writer.WriteString("role", Shown.Camel(sibling.Role));
            writer.WriteTime("at", sibling.Timestamp.Time);
            writer.WriteString("mutation", MutationId.Of(sibling.Dot).ToString());
            writer.WriteBoolean("visible", index == VisibleIndex(siblings, visible));
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    /// <summary>Which of them is read; -1 when what is read is none of them.</summary>
    public static int VisibleIndex(IReadOnlyList<Sibling> siblings, Value? visible)
    {
        for (int i = 0; i < siblings.Count; i++)
        {
            if (siblings[i].Value == visible) return i;
        }
        return -1;
    }
}
