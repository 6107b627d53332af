namespace Crdt.Properties;

/// <summary>What holds in open spaces holds in keyed ones: nothing but who may take part is different.</summary>
public class KeyedSpaceLaws
{
    [Fact]
    [Trait("Law", "1")]
    [Trait("Law", "4")]
    public void Enrolled_replicas_converge_over_every_schedule_as_others_do() => Law.Holds(Schedules.Any, async schedule =>
    {
        await using World world = await World.RunAsync(schedule, isKeyed: true);
    });

    [Fact]
    [Trait("Law", "1")]
    public void So_do_enrolled_replicas_that_read_entities_back_from_a_projection() => Law.Holds(Schedules.Any, async schedule =>
    {
        await using World world = await World.RunAsync(schedule, isProjecting: true, isKeyed: true);
    });
}
