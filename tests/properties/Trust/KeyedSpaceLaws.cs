using FsCheck;
using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>What holds in open spaces holds in keyed ones: nothing but who may take part is different.</summary>
public class KeyedSpaceLaws
{
    private static readonly Arbitrary<(Schedule Schedule, bool IsProjecting)> Lives = Arb.From(
        from schedule in Schedules.Any.Generator
        from isProjecting in Gen.Elements(true, false)
        select (schedule, isProjecting),
        life => Schedules.Any.Shrinker(life.Item1).Select(schedule => (schedule, life.Item2)));

    /// <summary>Also those that read entities back from a projection.</summary>
    [Fact]
    [Trait("Law", "1")]
    [Trait("Law", "4")]
    public void Enrolled_replicas_converge_over_every_schedule_as_others_do() => Law.Holds(Lives, async life =>
    {
        await using World world = await World.RunAsync(life.Schedule, life.IsProjecting, isKeyed: true);
    });
}
