using System.Reflection;

namespace Crdt.Properties.Spec;

/// <summary>The eighteen schedules that once broke a draft of the semantics: each has a named test.</summary>
public class ScheduleTableTests
{
    private const int Schedules = 18;

    [Fact]
    public void Every_schedule_of_the_semantics_has_a_named_test()
    {
        int[] held = [.. typeof(ScheduleTableTests).Assembly.GetTypes().SelectMany(t => t.GetMethods())
            .SelectMany(m => m.GetCustomAttributesData()).Where(a => a.AttributeType == typeof(TraitAttribute))
            .Where(a => (string)a.ConstructorArguments[0].Value! == "Schedule")
            .Select(a => int.Parse((string)a.ConstructorArguments[1].Value!, System.Globalization.CultureInfo.InvariantCulture))
            .Distinct().Order()];
        Assert.Equal(Enumerable.Range(1, Schedules), held);
    }
}
