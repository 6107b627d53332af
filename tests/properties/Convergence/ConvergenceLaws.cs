namespace Crdt.Properties;

/// <summary>Laws 1 to 6 over generated schedules: the world compares after every step.</summary>
public class ConvergenceLaws
{
    [Fact]
    [Trait("Law", "1")]
    [Trait("Law", "2")]
    [Trait("Law", "6")]
    public void Replicas_of_equal_vectors_hold_and_show_the_same_which_is_what_the_history_says() =>
        Property.Holds(Schedules.Any, async schedule =>
        {
            await using World world = await World.RunAsync(schedule);
        }, count: 300, size: 40);
}
