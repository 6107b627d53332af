using System.Globalization;

namespace Crdt.Properties;

/// <summary>What happens to a team, step by step. Its text is the code that makes it: a shrunk failure is pasted into
/// <c>FoundSchedules</c> as it is.</summary>
/// <param name="Devices">Number of devices; one server-role replica comes after them.</param>
/// <param name="Steps">In order. Replicas, entities and conflicts are counted modulo how many there are.</param>
internal sealed record Schedule(int Devices, params Step[] Steps)
{
    public override string ToString() =>
        $"new Schedule({Devices}{string.Concat(Steps.Select(s => $",\n    {s}"))})";
}

internal abstract record Step;

/// <summary>A transaction at one replica, after its wall clock was moved, perhaps back.</summary>
internal sealed record Commit(int At, int ClockMs, params Edit[] Edits) : Step
{
    public override string ToString() => $"new Commit({At}, {ClockMs}{string.Concat(Edits.Select(e => $", {e}"))})";
}

/// <summary>A session, cut after so many messages.</summary>
internal sealed record Meet(int A, int B, int MessagesMax = int.MaxValue) : Step
{
    public override string ToString() =>
        $"new Meet({A}, {B}{(MessagesMax == int.MaxValue ? "" : $", {MessagesMax}")})";
}

/// <summary>Runs handed over one way, without any session; from the very first, or only those that are news.</summary>
internal sealed record Deliver(int From, int To, int RunsMax, bool Again) : Step
{
    public override string ToString() => $"new Deliver({From}, {To}, {RunsMax}, {(Again ? "true" : "false")})";
}

/// <summary>Somebody looks at an entity: later edits may be based on what was seen.</summary>
internal sealed record Look(int At, int Entity) : Step
{
    public override string ToString() => $"new Look({At}, {Entity})";
}

/// <summary>The process dies and opens its store again.</summary>
internal sealed record Reopen(int At) : Step
{
    public override string ToString() => $"new Reopen({At})";
}

/// <summary>Opens a view, or compares one that is open with what it showed at first and closes it.</summary>
internal sealed record Hold(int At) : Step
{
    public override string ToString() => $"new Hold({At})";
}

/// <summary>One edit; a resolve takes the conflict of that number, and a sibling of it if it has no operation.</summary>
internal sealed record Edit(EditKind Kind, int Entity, bool AsSeen, params Op[] Ops)
{
    public override string ToString() =>
        $"new Edit(EditKind.{Kind}, {Entity}, {(AsSeen ? "true" : "false")}{string.Concat(Ops.Select(o => $", {o}"))})";
}

/// <summary>One step of an edit.</summary>
/// <param name="Does">What.</param>
/// <param name="Path">Where; ignored by a patch and a replacement.</param>
/// <param name="Text">JSON of a value, or an element, or how many.</param>
internal sealed record Op(EditStepKind Does, string Path, string Text)
{
    public EntityEdit On(EntityEdit edit) => Does switch
    {
        EditStepKind.Set => edit.Set(FieldPath.Parse(Path), Value.ParseJson(Text)),
        EditStepKind.Remove => edit.Remove(FieldPath.Parse(Path)),
        EditStepKind.Increment => edit.Increment(FieldPath.Parse(Path), long.Parse(Text, CultureInfo.InvariantCulture)),
        EditStepKind.Add => edit.Add(FieldPath.Parse(Path), Text),
        EditStepKind.Discard => edit.Discard(FieldPath.Parse(Path), Text),
        EditStepKind.Patch => edit.Patch(Value.ParseJson(Text)),
        _ => edit.Replace(Value.ParseJson(Text)),
    };

    public override string ToString() =>
        $"new Op(EditStepKind.{Does}, \"{Path}\", \"{Text.Replace("\"", "\\\"", StringComparison.Ordinal)}\")";
}
