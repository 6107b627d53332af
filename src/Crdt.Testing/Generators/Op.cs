using System.Globalization;

namespace Crdt.Testing;

/// <summary>One step of an edit.</summary>
/// <param name="Does">What.</param>
/// <param name="Path">Where, as in <see cref="FieldPath.Parse"/>; ignored by a patch and a replacement.</param>
/// <param name="Text">JSON of a value, or an element, or how many.</param>
public sealed record Op(OpKind Does, string Path, string Text)
{
    /// <summary>Notes the step in an edit.</summary>
    public EntityEdit On(EntityEdit edit)
    {
        ArgumentNullException.ThrowIfNull(edit);
        return Does switch
        {
            OpKind.Set => edit.Set(FieldPath.Parse(Path), Value.ParseJson(Text)),
            OpKind.Remove => edit.Remove(FieldPath.Parse(Path)),
            OpKind.Increment => edit.Increment(FieldPath.Parse(Path), long.Parse(Text, CultureInfo.InvariantCulture)),
            OpKind.Add => edit.Add(FieldPath.Parse(Path), Text),
            OpKind.Discard => edit.Discard(FieldPath.Parse(Path), Text),
            OpKind.Patch => edit.Patch(Value.ParseJson(Text)),
            _ => edit.Replace(Value.ParseJson(Text)),
        };
    }

    /// <summary>The code that makes it.</summary>
    public override string ToString() =>
        $"new Op(OpKind.{Does}, \"{Path}\", \"{Text.Replace("\"", "\\\"", StringComparison.Ordinal)}\")";
}
