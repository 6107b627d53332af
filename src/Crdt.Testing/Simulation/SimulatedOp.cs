using System.Globalization;

namespace Crdt.Testing.Simulation;

/// <summary>One thing that a <see cref="SimulatedEdit"/> does, as data.</summary>
/// <param name="Does">What.</param>
/// <param name="Path">Where; ignored by a patch and a replacement.</param>
/// <param name="Text">JSON of a value, or an element, or how many.</param>
internal sealed record SimulatedOp(EditStepKind Does, string Path, string Text)
{
    public void On(EntityEdit edit)
    {
        switch (Does)
        {
            case EditStepKind.Set:
                edit.Set(FieldPath.Parse(Path), Value.ParseJson(Text));
                break;
            case EditStepKind.Remove:
                edit.Remove(FieldPath.Parse(Path));
                break;
            case EditStepKind.Increment:
                edit.Increment(FieldPath.Parse(Path), long.Parse(Text, CultureInfo.InvariantCulture));
                break;
            case EditStepKind.Add:
                edit.Add(FieldPath.Parse(Path), Text);
                break;
            case EditStepKind.Discard:
                edit.Discard(FieldPath.Parse(Path), Text);
                break;
            case EditStepKind.Patch:
                edit.Patch(Value.ParseJson(Text));
                break;
            default:
                edit.Replace(Value.ParseJson(Text));
                break;
        }
    }

    public override string ToString() => Does switch
    {
        EditStepKind.Set => $"{Path} = {Shorten(Text)}",
        EditStepKind.Remove => $"remove {Path}",
        EditStepKind.Increment => $"{Path} += {Text}",
        EditStepKind.Add => $"{Path} + {Shorten(Text)}",
        EditStepKind.Discard => $"{Path} - {Shorten(Text)}",
        EditStepKind.Patch => $"patch {Shorten(Text)}",
        _ => $"replace by {Shorten(Text)}",
    };

    private static string Shorten(string text) => text.Length <= 40 ? text : $"{text[..36]}… ({text.Length})";
}
