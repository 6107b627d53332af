namespace Crdt.Properties;

/// <summary>The schedules of semantics 13 that need no marks, each with its story.</summary>
public class SemanticsSchedules
{
    private static readonly EntityKey E = new("d", "t", "1");

    [Fact]
    [Trait("Schedule", "1")]
    public async Task An_entity_made_again_where_its_delete_had_arrived_is_the_same_everywhere()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1).Increment("n"));
        await team.MeetAsync(0, 1);
        await team[1].CommitAsync(tx => tx.Delete(E));
        await team.MeetAsync(0, 1);
        await team[0].CommitAsync(tx => tx.Create(E).Set("y", 2));
        await team.MeetAsync(0, 1);
        Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[1]));
        Assert.Equal("""{"n":0,"y":2}""", team[1].Get(E)!.ToJson());
    }

    [Fact]
    [Trait("Schedule", "10")]
    public async Task Nearly_two_hundred_replicas_that_edit_one_entity_at_once_write_small_mutations()
    {
        const int Count = 190;
        await using Team team = await Team.CreateAsync(Count);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        for (int i = 1; i < Count; i++) await team.MeetAsync(0, i);
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < Count; i++)
            {
                int number = i;
                await team[i].CommitAsync(tx => tx.Update(E).Set($"field {number}", round));
                int lengthBytes = team[i].Store.ReadLog(default).Last(l => l.Entry.Author == team[number].Id).Entry.Payload.Length;
                // Own, and four neighbours of 16 bytes of id each where they are many.
                Assert.InRange(lengthBytes, 1, 200);
            }
            for (int i = 1; i < Count; i++) await team.MeetAsync(0, i);
            if (round == 0) Assert.Equal(Count, team[0].Get(E)!.Siblings(FieldPath.Root).Count);
            for (int i = 1; i < Count; i++) await team.MeetAsync(0, i);
        }
        Assert.Equal(Count + 1, team[Count - 1].Get(E)!.FieldNames.Count());
    }

    [Fact]
    [Trait("Schedule", "10")]
    public async Task The_root_stays_small_when_a_few_write_in_turn()
    {
        await using Team team = await Team.CreateAsync(5);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", 1));
        for (int i = 0; i < 40; i++)
        {
            await team.MeetAllAsync();
            int number = i;
            await team[i % 5].CommitAsync(tx => tx.Update(E).Set("x", number));
        }
        Assert.Single(team[4].Get(E)!.Siblings(FieldPath.Root));
    }

    [Fact]
    [Trait("Schedule", "11")]
    public async Task Of_an_entity_deleted_and_made_again_while_another_wrote_a_field_that_field_is_the_others()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(E).Set("x", "old").Set("y", "old"));
        await team.MeetAsync(0, 1);
        await team[0].CommitAsync(tx => tx.Delete(E));
        await team[0].CommitAsync(tx => tx.Create(E).Set("z", "new"));
        await team[1].CommitAsync(tx => tx.Update(E).Set("x", "b"));
        await team.MeetAsync(0, 1);
        Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[1]));
        Assert.Equal("""{"x":"b","z":"new"}""", team[0].Get(E)!.ToJson());
        Assert.Equal(team[1].Id, Assert.Single(team[0].Get(E)!.Siblings("x")).Dot.Replica);
    }

    [Theory]
    [Trait("Schedule", "13")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_name_that_is_a_value_here_and_a_map_there_does_not_change_sides_by_accident(bool isMapNewer)
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(E).Set("other", 0));
        await team.MeetAsync(0, 1);
        team.Clocks[isMapNewer ? 1 : 0].Advance(TimeSpan.FromSeconds(1));
        await team[0].CommitAsync(tx => tx.Update(E).Set("a", "value"));
        await team[1].CommitAsync(tx => tx.Update(E).Set(FieldPath.Of("a", "x"), 1).Set(FieldPath.Of("a", "y"), 2));
        await team.MeetAsync(0, 1);
        string read = isMapNewer ? """{"a":{"x":1,"y":2},"other":0}""" : """{"a":"value","other":0}""";
        Assert.All(team.Replicas, r => Assert.Equal(read, r.Get(E)!.ToJson()));
        Conflict clash = Assert.Single(team[0].Conflicts());
        Assert.Equal((ConflictKind.Kinds, 3, true), (clash.Kind, clash.Siblings.Count, clash.IsOpen));

        // A member that is read is removed: the rest of the map is what remains. One that is not read changes nothing to see.
        await team[0].CommitAsync(tx => tx.Update(E).Remove(FieldPath.Of("a", "x")));
        await team.MeetAsync(0, 1);
        string removed = isMapNewer ? """{"a":{"y":2},"other":0}""" : read;
        string actual = team[1].Get(E)!.ToJson();
        Assert.True(actual == removed || actual == """{"a":{"y":2},"other":0}""", actual);
        Assert.Equal(await World.DumpAsync(team[0]), await World.DumpAsync(team[1]));

        if (team[1].Conflicts().SingleOrDefault() is { } left)
        {
            await team[1].CommitAsync(tx => tx.Resolve(left, "settled"));
            await team.MeetAsync(0, 1);
            Assert.All(team.Replicas, r => Assert.Equal("""{"a":"settled","other":0}""", r.Get(E)!.ToJson()));
            Assert.Empty(team[0].Conflicts(openOnly: false));
        }
    }

    [Fact]
    [Trait("Schedule", "14")]
    public async Task Under_merge_edits_of_different_members_both_stay_and_so_does_a_removal()
    {
        await using Team team = await Team.CreateAsync(3, 0, ("d/t/address", ConflictPolicy.Merge));
        await team[0].CommitAsync(tx => tx.Create(E).Set("address", Value.ParseJson("""{"city":"Bern","street":"A","zip":1}""")));
        await team.MeetAllAsync();
        await team[0].CommitAsync(tx => tx.Update(E).Set("address", Value.ParseJson("""{"city":"Basel","street":"A","zip":1}""")));
        await team[1].CommitAsync(tx => tx.Update(E).Set("address", Value.ParseJson("""{"city":"Bern","street":"B","zip":1}""")));
        await team[2].CommitAsync(tx => tx.Update(E).Set("address", Value.ParseJson("""{"city":"Bern","street":"A"}""")));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("""{"address":{"city":"Basel","street":"B"}}""", r.Get(E)!.ToJson()));
        Assert.Empty(team[0].Conflicts(openOnly: false));
    }

    [Fact]
    [Trait("Schedule", "14")]
    public async Task A_change_of_policy_to_merge_expands_what_stood_there_with_the_first_write()
    {
        await using Team team = await Team.CreateAsync(2, servers: 1);
        await team[0].CommitAsync(tx => tx.Create(E).Set("address", Value.ParseJson("""{"city":"Bern","zip":1}""")));
        await team.MeetAllAsync();
        await team[2].CommitAsync(tx => tx.SetPolicy(new("d", "t", "address"), ConflictPolicy.Merge));
        await team.MeetAllAsync();
        await team[0].CommitAsync(tx => tx.Update(E).Set("address", Value.ParseJson("""{"city":"Basel","zip":1}""")));
        await team.MeetAllAsync();
        await team[0].CommitAsync(tx => tx.Update(E).Set("address", Value.ParseJson("""{"city":"Chur","zip":1}""")));
        await team[1].CommitAsync(tx => tx.Update(E).Set("address", Value.ParseJson("""{"city":"Basel","zip":2}""")));
        await team.MeetAllAsync();
        Assert.All(team.Replicas, r => Assert.Equal("""{"address":{"city":"Chur","zip":2}}""", r.Get(E)!.ToJson()));
    }

    [Fact]
    [Trait("Schedule", "15")]
    public async Task Who_claimed_first_keeps_its_claim_when_it_is_corrected()
    {
        await using Team team = await Team.CreateAsync(2, 0, ("d/t/owner", ConflictPolicy.FirstWriteWins));
        await team[0].CommitAsync(tx => tx.Create(E));
        await team.MeetAsync(0, 1);
        await team[0].CommitAsync(tx => tx.Update(E).Set("owner", "ana"));
        foreach (var clock in team.Clocks) clock.Advance(TimeSpan.FromMinutes(1));
        await team[1].CommitAsync(tx => tx.Update(E).Set("owner", "ben"));
        foreach (var clock in team.Clocks) clock.Advance(TimeSpan.FromMinutes(1));
        await team[0].CommitAsync(tx => tx.Update(E).Set("owner", "anna"));
        await team.MeetAsync(0, 1);
        Assert.All(team.Replicas, r => Assert.Equal("anna", r.Get(E)!.GetString("owner")));
        Conflict told = Assert.Single(team[1].Conflicts(openOnly: false));
        Assert.False(told.IsOpen);
        Assert.Equal(["anna", "ben"], told.Siblings.Select(s => s.Value.AsString()));
    }

    [Fact]
    [Trait("Schedule", "18")]
    public async Task A_counter_of_an_entity_made_again_holds_what_was_added_meanwhile()
    {
        await using Team team = await Team.CreateAsync(2);
        await team[0].CommitAsync(tx => tx.Create(E).Increment("n", 5));
        await team.MeetAsync(0, 1);
        await team[0].CommitAsync(tx => tx.Delete(E));
        await team[0].CommitAsync(tx => tx.Create(E));
        await team[1].CommitAsync(tx => tx.Update(E).Increment("n", 3));
        await team.MeetAsync(0, 1);
        Assert.All(team.Replicas, r => Assert.Equal((Int128)3, r.Get(E)!.GetCounter("n")));
    }
}
