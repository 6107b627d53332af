namespace Crdt.Properties;

/// <summary>What cannot be meant is refused where it is said, and what is absent reads as absent.</summary>
public class ArgumentTests
{
    private static readonly EntityKey E = new("d", "t", "1");

    [Fact]
    public void Names_that_are_none_are_refused_with_a_reason()
    {
        Assert.Throws<ArgumentException>(() => SpaceId.FromBytes(new byte[31]));
        Assert.Throws<ArgumentException>(() => new PolicyScope("d", null, "f"));
        Assert.Throws<ArgumentException>(() => new PolicyScope("d", "t", "f/g"));
        Assert.Throws<FormatException>(() => PolicyScope.Parse("a/b/c/d"));
        Assert.Throws<FormatException>(() => PolicyScope.Parse("a//c"));
        Assert.Throws<ArgumentException>(() => FieldPath.Of());
        Assert.Throws<InvalidOperationException>(() => FieldPath.Root.As(new Own(20)));
        Assert.Throws<InvalidOperationException>(() => FieldPath.Field("f").Element("e").As(new Own(20)));
        Assert.Throws<ArgumentException>(() => SpaceGenesis.Create(default, "name", [], TimeProvider.System));
        foreach (string? odd in new[] { null, "", "d", "d/t", "d//1", "/t/1", $"d/t/{new string('a', 256)}" })
            Assert.False(EntityKey.TryParse(odd, out _));
        Assert.True(EntityKey.TryParse("d/t/a/b", out EntityKey? key) && key.Id == "a/b");
    }

    [Fact]
    public void What_is_equal_is_equal_and_nothing_is_before_everything()
    {
        SpaceId space = SpaceId.FromBytes(Enumerable.Repeat((byte)1, 32).ToArray());
        Assert.True(space.Equals((object)space) && !space.Equals((object)"x") && !space.Equals((object?)null) && space != default);
        VersionVector vector = VersionVector.From([new Dot(Team.IdOf(1), 2)]);
        Assert.False(vector.Equals((VersionVector?)null));
        Assert.False(vector.Equals(VersionVector.Empty));
        EntityKey? none = null;
        FieldPath? nowhere = null;
        Assert.True(none == null && !(none == E) && !(E == none) && E.CompareTo(null) > 0);
        Assert.True(nowhere == null && !(nowhere == FieldPath.Root) && FieldPath.Field("a") != nowhere);
        Assert.True(FieldPath.Root.CompareTo(null) > 0 && FieldPath.Root.CompareTo(FieldPath.Root) == 0);
        Assert.True(FieldPath.Field("a").CompareTo(FieldPath.Field("b")) < 0);
        Assert.Equal(FieldPath.Root, FieldPath.Root.Parent);
    }

    [Fact]
    public void Data_types_take_the_numbers_and_rules_that_there_are_and_each_once()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Own(15));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Own(64));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Own(20, (ReplaceRule)2));
        Assert.Throws<ArgumentException>(() => new Own(20, name: ""));
        Assert.Throws<ArgumentException>(() => new DataTypeTable([new Own(20), new Own(20, ReplaceRule.Own)]));
        Assert.Throws<ArgumentException>(() => new DataTypeTable([DataTypes.Counter]));
        var table = new DataTypeTable([new Own(16), new Own(63, ReplaceRule.Own)]);
        Assert.Equal(["own (16)", "own (63)"], table.All.Select(t => $"{t}"));
        Assert.Throws<ArgumentOutOfRangeException>(() => DataTypes.Register((ConflictPolicy)99));
    }

    [Fact]
    public void The_formats_own_types_say_what_cannot_be_written()
    {
        Assert.Null(DataTypes.Counter.Validate(1));
        Assert.Contains("String", DataTypes.Counter.Validate("one"), StringComparison.Ordinal);
        Assert.Null(DataTypes.Element.Validate("e"));
        Assert.Contains("Integer", DataTypes.Element.Validate(1), StringComparison.Ordinal);
        Assert.Equal(5, DataTypes.Counter.Store(5, []).AsInteger());
        Sibling before = new(new Dot(Team.IdOf(1), 1), new HybridTimestamp(1 << 20), default, ReplicaRole.Client, 7);
        Assert.Equal(12, DataTypes.Counter.Store(5, [before]).AsInteger());
        Assert.Throws<OverflowException>(() => DataTypes.Counter.Store(long.MaxValue, [before]));
    }

    [Fact]
    public async Task A_field_is_read_in_its_kind_and_is_null_where_it_is_absent_or_null()
    {
        await using Team team = await Team.CreateAsync(1);
        await team[0].CommitAsync(tx => tx.Create(E).Set("s", "a").Set("i", 1).Set("d", 1.5).Set("b", true).Set("t", Team.Start)
            .Set("n", Value.Null).Increment("c", 2));
        Entity entity = team[0].Get(E)!;
        Assert.Equal(("a", 1, 1.5, true, Team.Start), (entity.GetString("s"), entity.GetInteger("i"), entity.GetDouble("d"),
            entity.GetBoolean("b"), entity.GetTimestamp("t")));
        Assert.Equal(2, entity.GetCounter("c"));
        foreach (string absent in new[] { "n", "x" })
        {
            Assert.Null(entity.GetString(absent));
            Assert.Null(entity.GetInteger(absent));
            Assert.Null(entity.GetDouble(absent));
            Assert.Null(entity.GetBoolean(absent));
            Assert.Null(entity.GetTimestamp(absent));
        }
        Assert.Throws<InvalidOperationException>(() => entity.GetString("i"));
        await team[0].CommitAsync(tx => tx.Delete(E));
        Entity deleted = team[0].GetWithDeleted(E)!;
        Assert.False(deleted.Exists);
        Assert.Equal(0, deleted.GetCounter("c"));
        Assert.Null(deleted.GetString("s"));
        Assert.Equal("null", deleted.ToJson());
        Assert.Equal("test", team[0].SpaceName);
    }

    [Fact]
    public async Task An_edit_that_cannot_be_meant_is_refused_at_once()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        await team.MeetAllAsync();
        for (int i = 0; i < 2; i++)
        {
            int n = i;
            await team[i].CommitAsync(tx => tx.Update(E).Set("x", n + 10).Set("kind", n == 0 ? 1 : Value.ObjectOf([new("deep", 1)])));
        }
        await team.MeetAllAsync();
        Conflict conflict = Assert.Single(team[0].Get(E)!.Conflicts(), c => c.Path == FieldPath.Field("x"));
        Sibling stranger = conflict.Siblings[0] with { Dot = new Dot(Team.IdOf(99), 1) };
        Transaction transaction = team[0].Begin();
        Assert.Throws<ArgumentException>(() => transaction.Resolve(conflict, stranger));
        Assert.Throws<InvalidOperationException>(() => transaction.Delete(E).Set("x", 1));
        Assert.Throws<ArgumentException>(() => transaction.Update(E).Set(FieldPath.Root, 1));
        Assert.Throws<ArgumentException>(() => transaction.Update(E).Set(FieldPath.Field("x").Element("e"), 1));
        Transaction used = team[0].Begin();
        used.Resolve(conflict, conflict.Siblings[1]);
        CommitResult made = await used.CommitAsync();
        Assert.Equal((1, made.First), (made.Count, new Dot(team[0].Id, made.FirstSequence)));
        Assert.Throws<InvalidOperationException>(() => used.Update(E));
        await Assert.ThrowsAsync<InvalidOperationException>(() => used.CommitAsync().AsTask());
        CommitResult nothing = await team[0].Begin().CommitAsync();
        Assert.Equal((0, default(Dot)), (nothing.Count, nothing.First));
        Assert.Null(team[0].FindMutation(new Dot(team[0].Id, 0)));
        Assert.Null(team[0].FindMutation(new Dot(team[0].Id, 99)));
    }

    [Fact]
    public async Task A_filter_passes_what_all_of_it_says()
    {
        await using Team team = await Team.CreateAsync(2);
        EntityKey f = new("e", "u", "2");
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        await team[0].CommitAsync(tx => tx.Delete(E));
        await team[1].CommitAsync(tx => tx.Create(f));
        await team.MeetAllAsync();
        Assert.Equal(2, Count(new() { Author = team[0].Id }));
        Assert.Equal(1, Count(new() { Author = team[0].Id, Kind = MutationKind.Delete }));
        Assert.Equal(0, Count(new() { Author = team[1].Id, Kind = MutationKind.Delete }));
        Assert.Equal(1, Count(new() { Domain = "e" }));
        Assert.Equal(2, Count(new() { Type = "t" }));
        Assert.Equal(0, Count(new() { Domain = "e", Type = "t" }));
        Assert.Equal(1, Count(new() { Key = f }));
        Assert.Equal(0, Count(new() { Key = f, Author = team[0].Id }));
        Assert.Equal(2, Count(new() { Author = team[0].Id, Status = MutationStatus.Pending }));
        Assert.Equal(0, Count(new() { Author = team[0].Id, Status = MutationStatus.Synced }));

        int Count(MutationFilter filter) => team[0].Mutations(filter).Count();
    }

    [Theory]
    [InlineData("1 2")]
    [InlineData("{} {}")]
    [InlineData("[1")]
    [InlineData("""{"a":1""")]
    [InlineData("12345678901234567890123456789012345678901234567890.5")]
    [InlineData("1e999")]
    public void Text_that_is_no_value_is_refused_with_the_reason(string json) =>
        Assert.NotEmpty(Assert.Throws<JsonInputException>(() => Value.ParseJson(json)).Message);

    private sealed class Own(int kind, ReplaceRule rule = ReplaceRule.Observed, string name = "own") : DataType(kind, rule, name)
    {
        public override Value? Read(IReadOnlyList<Sibling> siblings) => siblings[0].Value;
    }
}
