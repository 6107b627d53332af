using Crdt.Properties.Suites;

namespace Crdt.Properties;

/// <summary>A data type of one's own among the others in one entity; its laws are checked in Suites.</summary>
public class OwnDataTypeTests
{
    private static readonly EntityKey E = new("d", "t", "1");
    private static readonly DataType[] Types = [MaximumLaws.Maximum, OwnWordsLaws.Words];

    [Fact]
    public async Task It_is_a_member_of_the_document_at_any_depth()
    {
        await using Team team = await StartAsync();
        await team[0].CommitAsync(tx => tx.Create(E).Set("a", 1).Write(Types[0], "m", 5).Write(Types[0], FieldPath.Of("z", "m"), 7)
            .Write(Types[1], FieldPath.Of("z", "w"), "x").Increment("c").Set(FieldPath.Of("z", "a"), 2));
        await team.MeetAsync(0, 1);
        await team[1].CommitAsync(tx => tx.Update(E).Write(Types[0], "m", 3).Write(Types[1], FieldPath.Of("z", "w"), "y"));
        await team.MeetAsync(0, 1);
        Assert.All(team.Replicas, r => Assert.Equal("""{"a":1,"c":1,"m":5,"z":{"a":2,"m":7,"w":"x y"}}""", r.Get(E)!.ToJson()));
        Entity entity = team[0].Get(E)!;
        Assert.Equal(5, entity["m"]);
        Assert.Equal(7, entity[FieldPath.Of("z", "m").As(Types[0])]);
        Assert.Equal("x y", entity.GetString(FieldPath.Of("z", "w")));
        Assert.Equal(["a", "c", "m", "z"], entity.FieldNames);
    }

    [Fact]
    public async Task A_write_of_another_kind_replaces_it_and_it_replaces_what_was_there()
    {
        await using Team team = await StartAsync();
        EntityEdit Edit(Transaction tx) => tx.Upsert(E);
        (Action<EntityEdit> Write, string Read)[] kinds =
        [
            (e => e.Write(Types[0], "m", 5), "5"), (e => e.Set("m", "text"), "\"text\""), (e => e.Write(Types[1], "m", "w"), "\"w\""),
            (e => e.Add("m", "p"), "[\"p\"]"), (e => e.Increment("m", 3), "3"), (e => e.Set(FieldPath.Of("m", "x"), 1), "{\"x\":1}"),
        ];
        foreach (var first in kinds)
        {
            foreach (var second in kinds)
            {
                await team[0].CommitAsync(tx => Edit(tx).Remove("m"));
                await team[0].CommitAsync(tx => first.Write(Edit(tx)));
                string before = team[0].Get(E)!["m"]!.Value.ToJson();
                Assert.Equal(first.Read, before);
                await team[0].CommitAsync(tx => second.Write(Edit(tx)));
                string expected = first == second && second.Read == "3" ? "6" : second.Read;
                Assert.Equal(expected, team[0].Get(E)!["m"]!.Value.ToJson());
                Assert.Empty(team[0].Conflicts(openOnly: false));
                await team[0].CommitAsync(tx => Edit(tx).Remove("m"));
                Assert.True(team[0].Get(E)?["m"] is null || team[0].Get(E)!["m"] == 0);
            }
        }
    }

    [Fact]
    public async Task A_document_that_shows_what_is_read_leaves_it_alone_and_one_that_shows_something_else_replaces_it()
    {
        await using Team team = await StartAsync();
        await team[0].CommitAsync(tx => tx.Create(E).Set("a", 1).Write(Types[0], "m", 5));
        await team[0].CommitAsync(tx => tx.Update(E).Replace(Value.ParseJson("""{"a":2,"m":5}""")));
        Assert.Single(team[0].Get(E)!.Siblings(((FieldPath)"m").As(Types[0])));
        await team[0].CommitAsync(tx => tx.Update(E).Replace(Value.ParseJson("""{"a":2,"m":6}""")));
        Assert.Empty(team[0].Get(E)!.Siblings(((FieldPath)"m").As(Types[0])));
        Assert.Equal("""{"a":2,"m":6}""", team[0].Get(E)!.ToJson());
    }

    [Fact]
    public async Task Two_types_of_ones_own_under_one_name_are_a_conflict_that_is_listed()
    {
        await using Team team = await StartAsync();
        await team[0].CommitAsync(tx => tx.Create(E));
        await team.MeetAsync(0, 1);
        await team[0].CommitAsync(tx => tx.Update(E).Write(Types[0], "m", 5));
        team.Clocks[1].Advance(TimeSpan.FromSeconds(1));
        await team[1].CommitAsync(tx => tx.Update(E).Write(Types[1], "m", "w"));
        await team.MeetAsync(0, 1);
        Assert.All(team.Replicas, r => Assert.Equal("""{"m":"w"}""", r.Get(E)!.ToJson()));
        Conflict clash = Assert.Single(team[0].Conflicts());
        Assert.Equal((ConflictKind.Kinds, 2), (clash.Kind, clash.Siblings.Count));
    }

    [Fact]
    public async Task An_entity_made_again_begins_without_it()
    {
        await using Team team = await StartAsync();
        await team[0].CommitAsync(tx => tx.Create(E).Write(Types[0], "m", 5).Write(Types[1], "w", "x"));
        await team.MeetAsync(0, 1);
        await team[1].CommitAsync(tx => tx.Delete(E));
        await team[1].CommitAsync(tx => tx.Create(E).Write(Types[0], "m", 1));
        await team.MeetAsync(0, 1);
        Assert.All(team.Replicas, r => Assert.Equal("""{"m":1}""", r.Get(E)!.ToJson()));
    }

    [Fact]
    public async Task A_counter_is_read_also_where_an_unknown_kind_sorts_behind_it()
    {
        await using Team team = await StartAsync();
        Replica ignorant = await team.AddAsync(dataTypes: []);
        await team[0].CommitAsync(tx => tx.Create(E).Set("c", 1));
        await team.MeetAsync(0, 1);
        await team[0].CommitAsync(tx => tx.Update(E).Write(Types[0], "m", 5));
        team.Clocks[1].Advance(TimeSpan.FromSeconds(1));
        await team[1].CommitAsync(tx => tx.Update(E).Increment("c", 2));
        await team.MeetAllAsync();
        Assert.Equal(2, ignorant.Get(E)!["c"]);
        await ignorant.CommitAsync(tx => tx.Update(E).Set("c", "text"));
        Assert.Equal(0, ignorant.Get(E)!.GetCounter("c"));
    }

    [Fact]
    public async Task A_type_is_refused_where_the_replica_was_not_opened_with_it()
    {
        await using Team team = await Team.CreateAsync(1);
        Assert.Throws<ArgumentException>(() => team[0].Begin().Create(E).Write(Types[0], "m", 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(64)]
    public void A_number_outside_of_those_for_own_types_is_refused(int kind) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Numbered(kind));

    [Fact]
    public void Two_types_of_one_number_are_refused() => Assert.Throws<ArgumentException>(
        () => new ReplicaOptions { Time = TimeProvider.System, DataTypes = [new Numbered(20), new Numbered(20)] });

    private static Task<Team> StartAsync() => Team.CreateAsync(new TeamOptions { Devices = 2, DataTypes = Types });

    private sealed class Numbered(int kind) : DataType(kind, ReplaceRule.Observed, "numbered")
    {
        public override Value? Read(IReadOnlyList<Sibling> siblings) => siblings[0].Value;
    }
}
