using FsCheck.Fluent;

namespace Crdt.Properties;

/// <summary>What holds in open spaces holds in keyed ones: nothing but who may take part is different.</summary>
public class KeyedSpaceLaws
{
    /// <summary>Also those that read entities back from a projection.</summary>
    [Fact]
    [Trait("Law", "1")]
    [Trait("Law", "4")]
    public void Enrolled_replicas_converge_over_every_schedule_as_others_do() => Law.Holds(Schedules.Any.Under(Gen.Elements(true, false)), async life =>
    {
        await using World world = await World.RunAsync(life.Schedule, isProjecting: life.Setting, isKeyed: true);
    });
}
