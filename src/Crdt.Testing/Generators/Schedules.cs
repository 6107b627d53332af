using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Testing;

/// <summary>Generates schedules in which things go together that seldom do: few names, few values, few clock times, so
/// that ties, equal values, clashes and repetitions are the rule.</summary>
public static class Schedules
{
    /// <summary>How far a clock is moved before a commit, in milliseconds: mostly not at all, so that times tie; at
    /// times an hour back, or beyond the drift bound.</summary>
    public static Gen<int> ClockJump { get; } = Gen.Frequency(
        (6, Gen.Constant(0)), (2, Gen.Choose(1, 3)), (1, Gen.Elements(-3_600_000, 600_000)));

    /// <summary>Most of what can go wrong needs an entity that everybody knows.</summary>
    private static readonly Step[] Beginning =
    [
        new Commit(0, 0, new Edit(EditIntent.Create, 0, false, new Op(OpKind.Set, "a", "0"))),
        new Meet(0, 1), new Meet(0, 2), new Meet(0, 3),
    ];

    private static readonly Gen<int> Replica = Gen.Choose(0, 4);

    /// <summary>A transaction somewhere.</summary>
    public static Gen<Step> Commit { get; } =
        from at in Replica from clock in ClockJump from edits in Edits.Transaction select (Step)new Commit(at, clock, edits);

    /// <summary>Something that carries data: a session, whole or cut, or runs one way, once or again.</summary>
    public static Gen<Step> Exchange { get; } = Gen.Frequency(
        (3, from a in Replica from b in Replica select (Step)new Meet(a, b)),
        (2, from a in Replica from b in Replica from n in Gen.Choose(1, 8) select (Step)new Meet(a, b, n)),
        (3, from a in Replica
            from b in Replica
            from n in Gen.Choose(1, 3)
            from again in Gen.Elements(true, false)
            select (Step)new Deliver(a, b, n, again)));

    /// <summary>Anything that may happen.</summary>
    public static Gen<Step> Step { get; } = Gen.Frequency(
        (12, Commit),
        (8, Exchange),
        (2, from at in Replica from entity in Gen.Choose(0, 2) select (Step)new Look(at, entity)),
        (1, from at in Replica select (Step)new Reopen(at)),
        (1, from at in Replica select (Step)new Hold(at)));

    /// <summary>Schedules of one to three devices and one or two servers, which refuse what an edit says, upon an entity that all of them know.</summary>
    public static Arbitrary<Schedule> Any { get; } = With(
        from devices in Gen.Choose(1, 3)
        from servers in Gen.Choose(1, 2)
        from count in Gen.Choose(4, 40)
        from steps in Step.ArrayOf(count)
        select new Schedule(devices, [.. Beginning, .. steps]) { Servers = servers });

    /// <summary>The same, with snapshots made and logs dropped on the way: few replicas ever see everything as batches.</summary>
    public static Arbitrary<Schedule> WithSnapshots { get; } = With(
        from devices in Gen.Choose(1, 3)
        from count in Gen.Choose(4, 40)
        from steps in Gen.Frequency(
            (24, Step), (3, Gen.Constant<Step>(new TakeSnapshot())),
            (4, from at in Gen.Frequency((2, Gen.Constant(devices)), (1, Replica)) select (Step)new Prune(at))).ArrayOf(count)
        select new Schedule(devices, [.. Beginning, .. steps]));

    /// <summary>Schedules of a generator, with the shrinker.</summary>
    public static Arbitrary<Schedule> With(Gen<Schedule> schedules) => Arb.From(schedules, Shrink.Of);

    /// <summary>Schedules, each with a setting in which it is lived through; the schedule shrinks, the setting stays.</summary>
    public static Arbitrary<(Schedule Schedule, T Setting)> Under<T>(this Arbitrary<Schedule> schedules, Gen<T> settings)
    {
        ArgumentNullException.ThrowIfNull(schedules);
        return Arb.From(
            from schedule in schedules.Generator from setting in settings select (schedule, setting),
            drawn => schedules.Shrinker(drawn.Item1).Select(schedule => (schedule, drawn.Item2)));
    }
}
