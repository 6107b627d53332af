namespace Crdt.Properties.Suites;

public class CompletenessTests
{
    private static readonly DataTypeLaws[] Suites = [.. typeof(CompletenessTests).Assembly.GetTypes()
        .Where(t => t.IsSubclassOf(typeof(DataTypeLaws)) && !t.IsAbstract)
        .Select(t => (DataTypeLaws)Activator.CreateInstance(t)!)];

    [Fact]
    public void Every_data_type_of_the_format_has_a_suite_of_laws()
    {
        Assert.All(DataTypes.All, type => Assert.Contains(Suites, s => s.Type == type));
        IEnumerable<Type> types = typeof(DataType).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(DataType)));
        Assert.All(types, type => Assert.Contains(Suites, s => s.Type.GetType() == type));
    }

    [Fact]
    public void Every_conflict_policy_has_a_suite_of_laws() => Assert.All(
        Enum.GetValues<ConflictPolicy>(), policy => Assert.Contains(Suites, s => s is PolicyLaws p && p.Policy == policy));
}
