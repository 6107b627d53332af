namespace Crdt.Testing;

/// <summary>How cases are made simpler, so that a failure is told by the least that causes it.</summary>
public static class Shrink
{
    /// <summary>The items without some of them: halves first, then quarters, at last one by one.</summary>
    public static IEnumerable<T[]> Fewer<T>(T[] items)
    {
        ArgumentNullException.ThrowIfNull(items);
        for (int chunk = items.Length / 2; chunk > 0; chunk /= 2)
        {
            for (int at = 0; at < items.Length; at += chunk)
                yield return [.. items[..at], .. items[Math.Min(at + chunk, items.Length)..]];
        }
        if (items.Length == 1) yield return [];
    }

    /// <summary>The items with one of them made simpler.</summary>
    public static IEnumerable<T[]> Each<T>(T[] items, Func<T, IEnumerable<T>> simpler)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(simpler);
        for (int i = 0; i < items.Length; i++)
        {
            foreach (T item in simpler(items[i])) yield return [.. items[..i], item, .. items[(i + 1)..]];
        }
    }

    /// <summary>Simpler schedules: fewer steps, fewer devices, simpler steps.</summary>
    public static IEnumerable<Schedule> Of(Schedule schedule)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        return Fewer(schedule.Steps).Select(s => schedule with { Steps = s })
            .Concat(schedule.Devices > 1 ? [schedule with { Devices = schedule.Devices - 1 }] : [])
            .Concat(schedule.Servers > 1 ? [schedule with { Servers = schedule.Servers - 1 }] : [])
            .Concat(Each(schedule.Steps, Of).Select(s => schedule with { Steps = s }));
    }

    /// <summary>Simpler steps of the same kind.</summary>
    public static IEnumerable<Step> Of(Step step) => step switch
    {
        Commit commit => Of(commit),
        Meet { MessagesMax: < int.MaxValue } meet => [meet with { MessagesMax = int.MaxValue }],
        Deliver { Again: true } deliver => [deliver with { Again = false }],
        _ => [],
    };

    /// <summary>Simpler edits: fewer steps, of the present state, of the first entity.</summary>
    public static IEnumerable<Edit> Of(Edit edit)
    {
        ArgumentNullException.ThrowIfNull(edit);
        foreach (Op[] ops in Fewer(edit.Ops)) yield return edit with { Ops = ops };
        if (edit.AsSeen) yield return edit with { AsSeen = false };
        if (edit.RefusedBy != 0) yield return edit with { RefusedBy = 0 };
        if (edit.RefusedBy > 1) yield return edit with { RefusedBy = 1 };
        if (edit.Entity > 0) yield return edit with { Entity = 0 };
    }

    /// <summary>Simpler values: nothing, then parts of it.</summary>
    public static IEnumerable<Value> Of(Value value)
    {
        if (value.IsNull) yield break;
        yield return Value.Null;
        switch (value.Kind)
        {
            case ValueKind.Integer when value.AsInteger() != 0:
                yield return 0;
                yield return value.AsInteger() / 2;
                break;
            case ValueKind.String when value.AsString().Length > 0:
                yield return "";
                yield return value.AsString()[..(value.AsString().Length / 2)];
                break;
            case ValueKind.Array:
                Value[] items = [.. value.AsArray()];
                foreach (Value item in items) yield return item;
                foreach (Value[] fewer in Fewer(items)) yield return Value.ArrayOf(fewer);
                break;
            case ValueKind.Object:
                KeyValuePair<string, Value>[] members = [.. value.AsObject()];
                foreach (KeyValuePair<string, Value> member in members) yield return member.Value;
                foreach (KeyValuePair<string, Value>[] fewer in Fewer(members)) yield return Value.ObjectOf(fewer);
                break;
        }
    }

    private static IEnumerable<Step> Of(Commit commit)
    {
        if (commit.ClockMs != 0) yield return commit with { ClockMs = 0 };
        foreach (Edit[] edits in Fewer(commit.Edits)) yield return commit with { Edits = edits };
        foreach (Edit[] edits in Each(commit.Edits, Of)) yield return commit with { Edits = edits };
    }
}
