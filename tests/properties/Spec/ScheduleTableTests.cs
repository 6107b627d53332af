using System.Reflection;

namespace Crdt.Properties.Spec;

/// <summary>The eighteen schedules that once broke a draft of the semantics: each has a named test, or its reason why it
/// has none yet.</summary>
public class ScheduleTableTests
{
    private const int Schedules = 18;

    /// <summary>What a schedule still waits for; whoever writes its test takes it out.</summary>
    private static readonly Dictionary<int, string> Waiting = new()
    {
        [7] = "snapshots",
        [8] = "fences",
        [9] = "snapshots",
    };

    [Fact]
    public void Every_schedule_of_the_semantics_has_a_named_test()
    {
        int[] held = [.. typeof(ScheduleTableTests).Assembly.GetTypes().SelectMany(t => t.GetMethods())
            .SelectMany(m => m.GetCustomAttributesData()).Where(a => a.AttributeType == typeof(TraitAttribute))
            .Where(a => (string)a.ConstructorArguments[0].Value! == "Schedule")
            .Select(a => int.Parse((string)a.ConstructorArguments[1].Value!, System.Globalization.CultureInfo.InvariantCulture))
            .Distinct().Order()];
        Assert.Empty(Enumerable.Range(1, Schedules).Except(held).Except(Waiting.Keys));
        Assert.Empty(held.Except(Enumerable.Range(1, Schedules)));
    }
}
