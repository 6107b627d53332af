using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>Generates schedules in which things go together that seldom do: few names, few values, few clock times, so
/// that ties, equal values, clashes and repetitions are the rule.</summary>
internal static class Schedules
{
    private static readonly string[] Paths =
        ["a", "b", "m", "m/x", "m/y", "m/x/z", "first", "merged", "merged/x", "merged/y", "manual", "t", "c", "m/t", "m/c"];

    private static readonly string[] Values =
        ["null", "true", "0", "1", "2", "1.5", "\"s\"", "\"p\"", "{}", "{\"x\":1}", "{\"x\":2,\"y\":{\"z\":2}}", "[1]", "[\"p\",\"q\"]"];

    private static readonly string[] Documents =
    [
        "{}", "{\"a\":1}", "{\"a\":2,\"b\":\"s\"}", "{\"m\":{\"x\":1}}", "{\"m\":{\"x\":{\"z\":1},\"y\":2}}", "{\"m\":{}}",
        "{\"merged\":{\"x\":1,\"y\":2}}", "{\"merged\":{\"y\":3}}", "{\"t\":[\"p\"]}", "{\"c\":3}", "{\"m\":{\"c\":1},\"c\":-1}",
        "{\"t\":[\"q\",\"p\"],\"manual\":1}",
    ];

    private static readonly string[] Patches =
        [.. Documents, "{\"a\":null}", "{\"m\":null}", "{\"m\":{\"x\":null}}", "{\"merged\":{\"x\":null}}", "{\"t\":null,\"c\":null}"];

    public static Gen<Op> Op { get; } = Gen.Frequency(
        (6, from p in Gen.Elements(Paths) from v in Gen.Elements(Values) select new Op(EditStepKind.Set, p, v)),
        (2, from p in Gen.Elements(Paths) select new Op(EditStepKind.Remove, p, "")),
        (2, from p in Gen.Elements("c", "c", "m/c", "a", "m/x")
            from n in Gen.Choose(-2, 3)
            select new Op(EditStepKind.Increment, p, $"{n}")),
        (2, from p in Gen.Elements("t", "t", "m/t", "a", "m")
            from e in Gen.Elements("p", "q")
            select new Op(EditStepKind.Add, p, e)),
        (1, from p in Gen.Elements("t", "t", "m/t", "a", "m")
            from e in Gen.Elements("p", "q")
            select new Op(EditStepKind.Discard, p, e)),
        (1, from d in Gen.Elements(Patches) select new Op(EditStepKind.Patch, "", d)),
        (1, from d in Gen.Elements(Documents) select new Op(EditStepKind.Replace, "", d)));

    public static Gen<Edit> Edit { get; } = Gen.Frequency(
        (1, Of(EditKind.Create)), (10, Of(EditKind.Update)), (4, Of(EditKind.Upsert)), (1, Of(EditKind.Delete)),
        (3, Of(EditKind.Resolve)));

    /// <summary>Most of what can go wrong needs an entity that everybody knows.</summary>
    private static readonly Step[] Beginning =
    [
        new Commit(0, 0, new Edit(EditKind.Create, 0, false, new Op(EditStepKind.Set, "a", "0"))),
        new Meet(0, 1), new Meet(0, 2), new Meet(0, 3),
    ];

    private static readonly Gen<int> Replica = Gen.Choose(0, 3);

    private static readonly Gen<Step> Step = Gen.Frequency(
        (12, from at in Replica
             from clock in Gen.Frequency((6, Gen.Constant(0)), (2, Gen.Choose(1, 3)), (1, Gen.Elements(-3_600_000, 600_000)))
             from edits in Gen.Frequency((4, Edit.ArrayOf(1)), (1, Edit.ArrayOf(3)))
             select (Step)new Commit(at, clock, edits)),
        (3, from a in Replica from b in Replica select (Step)new Meet(a, b)),
        (2, from a in Replica from b in Replica from n in Gen.Choose(1, 8) select (Step)new Meet(a, b, n)),
        (3, from a in Replica
            from b in Replica
            from n in Gen.Choose(1, 3)
            from again in Gen.Elements(true, false)
            select (Step)new Deliver(a, b, n, again)),
        (2, from at in Replica from entity in Gen.Choose(0, 2) select (Step)new Look(at, entity)),
        (1, from at in Replica select (Step)new Reopen(at)),
        (1, from at in Replica select (Step)new Hold(at)));

    public static Arbitrary<Schedule> Any { get; } = With(
        from devices in Gen.Choose(1, 3)
        from count in Gen.Choose(4, 40)
        from steps in Step.ArrayOf(count)
        select new Schedule(devices, [.. Beginning, .. steps]));

    /// <summary>Schedules of a generator, with our shrinker.</summary>
    public static Arbitrary<Schedule> With(Gen<Schedule> schedules) => Arb.From(schedules, Shrink);

    private static Gen<Edit> Of(EditKind kind) =>
        from entity in kind == EditKind.Resolve ? Gen.Choose(0, 3) : Gen.Frequency((6, Gen.Constant(0)), (1, Gen.Choose(1, 2)))
        from asSeen in Gen.Frequency((3, Gen.Constant(false)), (2, Gen.Constant(true)))
        from ops in kind switch
        {
            EditKind.Delete => Gen.Constant(Array.Empty<Op>()),
            EditKind.Resolve => Gen.OneOf(Gen.Constant(Array.Empty<Op>()),
                Gen.Elements(Values).Select(v => new[] { new Op(EditStepKind.Set, "", v) })),
            _ => Gen.Frequency((3, Op.ArrayOf(1)), (2, Op.ArrayOf(2)), (1, Op.ArrayOf(4))),
        }
        select new Edit(kind, entity, asSeen, ops);

    private static IEnumerable<Schedule> Shrink(Schedule schedule)
    {
        foreach (Step[] fewer in Without(schedule.Steps)) yield return schedule with { Steps = fewer };
        if (schedule.Devices > 1) yield return schedule with { Devices = schedule.Devices - 1 };
        for (int i = 0; i < schedule.Steps.Length; i++)
        {
            foreach (Step simpler in Shrink(schedule.Steps[i]))
                yield return schedule with { Steps = [.. schedule.Steps[..i], simpler, .. schedule.Steps[(i + 1)..]] };
        }
    }

    private static IEnumerable<Step> Shrink(Step step)
    {
        switch (step)
        {
            case Commit commit:
                if (commit.ClockMs != 0) yield return commit with { ClockMs = 0 };
                foreach (Edit[] fewer in Without(commit.Edits)) yield return commit with { Edits = fewer };
                for (int i = 0; i < commit.Edits.Length; i++)
                {
                    Edit edit = commit.Edits[i];
                    IEnumerable<Edit> simpler = Without(edit.Ops).Select(o => edit with { Ops = o });
                    if (edit.AsSeen) simpler = simpler.Append(edit with { AsSeen = false });
                    if (edit.Entity > 0) simpler = simpler.Append(edit with { Entity = 0 });
                    foreach (Edit e in simpler)
                        yield return commit with { Edits = [.. commit.Edits[..i], e, .. commit.Edits[(i + 1)..]] };
                }
                break;
            case Meet { MessagesMax: < int.MaxValue } meet:
                yield return meet with { MessagesMax = int.MaxValue };
                break;
            case Deliver { Again: true } deliver:
                yield return deliver with { Again = false };
                break;
        }
    }

    private static IEnumerable<T[]> Without<T>(T[] items)
    {
        for (int chunk = items.Length / 2; chunk > 0; chunk /= 2)
        {
            for (int at = 0; at < items.Length; at += chunk) yield return [.. items[..at], .. items[Math.Min(at + chunk, items.Length)..]];
        }
        if (items.Length == 1) yield return [];
    }
}
