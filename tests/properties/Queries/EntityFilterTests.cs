using System.Globalization;

namespace Crdt.Properties;

/// <summary>Conditions as people write them, and what fulfils them.</summary>
public class EntityFilterTests
{
    private static readonly EntityKey Key = new("incident", "strike", "1");

    [Theory]
    [InlineData("species = 'Red kite'", true)]
    [InlineData("$.species = \"Red kite\"", true)]
    [InlineData("$['species'] = 'Red kite'", true)]
    [InlineData("species = 'red kite'", false)]
    [InlineData("speed = 99.5", true)]
    [InlineData("speed > 99 AND speed < 100", true)]
    [InlineData("height = 300.0", true)]
    [InlineData("height > 299.999", true)]
    [InlineData("height BETWEEN 300 AND 400", true)]
    [InlineData("height NOT BETWEEN 300 AND 400", false)]
    [InlineData("height IN (1, 300)", true)]
    [InlineData("height in [1, 2]", false)]
    [InlineData("height not in []", true)]
    [InlineData("species LIKE 'Red%'", true)]
    [InlineData("species LIKE '%kite'", true)]
    [InlineData("species LIKE 'R_d%i_e'", true)]
    [InlineData("species LIKE 'kite'", false)]
    [InlineData("species NOT LIKE '%gull%'", true)]
    [InlineData("height LIKE '3%'", false)]
    [InlineData("tags = 'night'", true)]
    [InlineData("$.tags[*] ANY = 'day'", true)]
    [InlineData("tags = 'noon'", false)]
    [InlineData("tags != 'night'", false)]
    [InlineData("address.city = 'Oslo'", true)]
    [InlineData("address = 'Oslo'", false)]
    [InlineData("plan.rooms = 3", true)]
    [InlineData("$.['odd name'].inner = true", true)]
    [InlineData("absent = null", true)]
    [InlineData("absent IS NULL", true)]
    [InlineData("species IS NOT NULL", true)]
    [InlineData("empty IS NULL", true)]
    [InlineData("absent != 5", true)]
    [InlineData("absent < 5", false)]
    [InlineData("NOT absent < 5", true)]
    [InlineData("species > 5", false)]
    [InlineData("seen = true", true)]
    [InlineData("seen > false", true)]
    [InlineData("at = '2024-05-06T07:08:09.1234567Z'", true)]
    [InlineData("at = '2024-05-06T09:08:09.1234567+02:00'", true)]
    [InlineData("at > '2024-05-06'", true)]
    [InlineData("at < '2024-06'", true)]
    [InlineData("at < '2024-05-06'", false)]
    [InlineData("at > 'soon'", false)]
    [InlineData("views = 7", true)]
    [InlineData("big > 9.3e18", false)]
    [InlineData("big = 9223372036854775807", true)]
    [InlineData("big < 9223372036854775808.0", true)]
    [InlineData("huge > 9223372036854775807", true)]
    [InlineData("species = 'gull' OR height = 300 AND seen = true", true)]
    [InlineData("(species = 'gull' OR height = 300) AND seen = false", false)]
    [InlineData("NOT (species = 'gull') AND NOT NOT seen = true", true)]
    [InlineData("quote = 'it\\'s'", true)]
    [InlineData("order = 1", true)]
    public async Task A_condition_holds_or_does_not(string condition, bool expected)
    {
        Entity entity = await MakeAsync();
        var filter = EntityFilter.Parse(condition);
        Assert.Equal(expected, filter.Holds(entity));
        Assert.Equal(expected, EntityFilter.Parse(filter.ToString()!).Holds(entity));
        Assert.NotEqual(expected, filter.Negate().Holds(entity));
    }

    [Fact]
    public async Task Values_can_be_given_beside_the_text()
    {
        Entity entity = await MakeAsync();
        Assert.True(EntityFilter.Parse("species = @1 AND at = @0", entity["at"]!.Value, "Red kite").Holds(entity));
        Assert.Throws<FormatException>(() => EntityFilter.Parse("species = @1", "Red kite"));
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData("species", 8)]
    [InlineData("species =", 10)]
    [InlineData("species = gull", 11)]
    [InlineData("species = 'gull", 11)]
    [InlineData("species == 'gull'", 10)]
    [InlineData("species = 'gull' extra", 18)]
    [InlineData("species = 'gull' AND", 21)]
    [InlineData("(species = 'gull'", 18)]
    [InlineData("height BETWEEN 1", 17)]
    [InlineData("height IN 1", 11)]
    [InlineData("height = 1e999", 10)]
    [InlineData("species LIKE 5", 15)]
    [InlineData("$ = 5", 2)]
    [InlineData("a NOT = 5", 7)]
    [InlineData("UPPER(species) = 'GULL'", 6)]
    public void What_cannot_be_read_is_told_with_its_place(string condition, int letter)
    {
        FormatException error = Assert.Throws<FormatException>(() => EntityFilter.Parse(condition));
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"from letter {letter} on"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Brackets_without_end_are_refused_and_no_stack_is_used_up()
    {
        Assert.Throws<FormatException>(() => EntityFilter.Parse(new string('(', 50_000)));
        Assert.Throws<FormatException>(() => EntityFilter.Parse(string.Concat(Enumerable.Repeat("NOT ", 20_000)) + "a = 1"));
    }

    [Fact]
    public void Whatever_is_thrown_at_the_parser_it_reads_or_refuses()
    {
        var random = new Random(7);
        string[] parts = ["a", "$.", "b", "['c d']", "=", "!=", "<", "AND", "OR", "NOT", "(", ")", "IN", "BETWEEN", "LIKE", "'x'", "\"", "'", "5", "-", "1e", "@0", "[*]", "ANY", "null", ",", "\\", "\ud800", " "];
        int read = 0;
        for (int i = 0; i < 20_000; i++)
        {
            string text = string.Join(random.Next(2) == 0 ? " " : "", Enumerable.Range(0, random.Next(1, 9)).Select(_ => parts[random.Next(parts.Length)]));
            try
            {
                EntityFilter.Parse(text, 5);
                read++;
            }
            catch (FormatException)
            {
                // The one answer to what is no condition.
            }
        }
        Assert.InRange(read, 1, 19_999);
    }

    [Fact]
    public void A_pattern_that_could_be_tried_in_many_ways_is_tried_in_few() =>
        Assert.False(LikePattern.Matches(new string('a', 20_000), string.Concat(Enumerable.Repeat("%a", 200)) + "%b"));

    private static async Task<Entity> MakeAsync()
    {
        await using var team = await Team.CreateAsync(1);
        await team[0].CommitAsync(tx => tx.Create(Key)
            .Set("species", "Red kite").Set("speed", 99.5).Set("height", 300).Set("seen", true).Set("empty", Value.Null)
            .Set("at", new DateTimeOffset(2024, 5, 6, 7, 8, 9, TimeSpan.Zero).AddTicks(1_234_567))
            .Add("tags", "night").Add("tags", "day").Increment("views", 7)
            .Set("big", long.MaxValue).Set("huge", 1e300).Set("quote", "it's").Set("order", 1)
            .Set(FieldPath.Of("address", "city"), "Oslo")
            .Set(FieldPath.Of("odd name", "inner"), true)
            .Set("plan", Value.ObjectOf(new KeyValuePair<string, Value>("rooms", 3))));
        return team[0].Get(Key)!;
    }
}
